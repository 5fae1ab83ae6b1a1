//! What is in `docs/` and made from code is what the code says.

use viaduct::catalogue::reference;
use viaduct::connector::kinds::KINDS;

#[test]
fn what_the_docs_have_from_the_code_is_fresh() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");
    for (path, made) in reference::files(KINDS) {
        let kept = std::fs::read_to_string(format!("{docs}/{path}")).unwrap_or_default();
        assert!(kept == made, "docs/{path} is stale: run `cargo run -- schema --write docs`");
    }
}
