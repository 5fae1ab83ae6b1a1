//! Name fields taken apart, and names as they are compared and printed.

use viaduct::record::name::parse_names;
use viaduct::record::value::spelling::{fold_name, title_case};

use super::input::Input;

const PARTIES_MAX: usize = 8;

pub fn names(bytes: &[u8]) {
    let text = String::from_utf8_lossy(&Input::new(bytes).stretched()).into_owned();
    let parties = parse_names(&text);
    assert!(parties.len() <= PARTIES_MAX);
    assert_eq!(parties.is_empty(), text.trim().is_empty(), "a name vanished");
    assert!(parties == parse_names(&text));
    for party in &parties {
        let parts = [&party.title, &party.given, &party.middle, &party.family];
        assert!(parts.iter().any(|part| !part.trim().is_empty()), "a party without a name");
        assert!(!format!("{party:?}").contains(party.family.as_str()) || party.family.len() < 12);
    }
    let folded = fold_name(&text);
    assert_eq!(fold_name(&folded), folded, "folded twice it is another name");
    let title = title_case(&text);
    assert_eq!(fold_name(&title), folded, "printed it is another name");
}
