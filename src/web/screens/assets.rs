//! Style sheets and the script, inside the program. Their addresses have a digest of what they hold, so that a
//! browser keeps them for a year and never has an old one.

use std::sync::LazyLock;

use super::session::digest_of;

/// Kept by browsers for a year: another content has another address.
pub const KEPT: &str = "public, max-age=31536000, immutable";

/// One file.
pub struct Asset {
    pub path: String,
    pub kind: &'static str,
    pub content: String,
}

/// The style sheet of every page, and the script.
pub static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let content = [include_str!("assets/govuk-frontend.css"), include_str!("assets/viaduct.css")];
    asset("style", "css", "text/css; charset=utf-8", content.concat())
});
pub static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let content = include_str!("assets/viaduct.js").to_owned();
    asset("viaduct", "js", "text/javascript; charset=utf-8", content)
});
/// What stands in a browser's tab.
pub static ICON: LazyLock<Asset> = LazyLock::new(|| {
    let content = include_str!("assets/icon.svg").to_owned();
    asset("icon", "svg", "image/svg+xml", content)
});

fn asset(name: &str, end: &str, kind: &'static str, content: String) -> Asset {
    let digest = digest_of(&content);
    Asset { path: format!("/assets/{name}-{}.{end}", &digest[..12]), kind, content }
}

/// The file of that address.
pub fn find(path: &str) -> Option<&'static Asset> {
    [&*STYLE, &*SCRIPT, &*ICON].into_iter().find(|asset| asset.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_governments_own_is_left_out_and_a_cold_page_is_small() {
        let style = &STYLE.content;
        for theirs in ["GDS Transport", "font-face", "url(/assets", "govuk-crest"] {
            assert!(!style.contains(theirs), "{theirs}");
        }
        let cold = style.len() + SCRIPT.content.len() + ICON.content.len();
        // What is left is for the page itself.
        assert!(cold < 200_000, "{cold} bytes");
        assert!(find(&STYLE.path).is_some() && find("/assets/style-000000000000.css").is_none());
    }
}
