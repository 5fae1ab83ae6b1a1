//! Names that one person may be known by: short and pet names, and the spellings that clerks and passports give one
//! name. The lists are ours and short; what they lack is still compared letter by letter.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The groups a name belongs to, by number; 0 is none. Sam is Samuel and Samantha.
pub type Groups = [u16; 4];

const GIVEN: &str = include_str!("lists/given_names.txt");
const FAMILY: &str = include_str!("lists/family_names.txt");

/// The lists by name, and the first letters of each group's names.
struct Aliases {
    of: HashMap<&'static str, Groups>,
    /// The letter with which each group's full name begins.
    initial: Vec<u8>,
    /// `f`, `m`, or another letter where either may be called so.
    sex: Vec<u8>,
}

static GIVEN_NAMES: LazyLock<Aliases> = LazyLock::new(|| read(GIVEN));
static FAMILY_NAMES: LazyLock<Aliases> = LazyLock::new(|| read(FAMILY));

fn read(list: &'static str) -> Aliases {
    let mut aliases = Aliases { of: HashMap::new(), initial: vec![0], sex: vec![0] };
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let number = aliases.initial.len() as u16;
        let mut first = None;
        let (sex, line) = line.split_once(": ").unwrap_or(("", line));
        for name in line.split(' ').filter(|name| !name.is_empty()) {
            first = first.or(name.bytes().next());
            let groups = aliases.of.entry(name).or_default();
            if let Some(free) = groups.iter_mut().find(|group| **group == 0 || **group == number) {
                *free = number;
            }
        }
        aliases.initial.push(first.unwrap_or_default());
        aliases.sex.push(sex.bytes().next().unwrap_or_default());
    }
    aliases
}

/// The groups of a given name, folded.
pub fn given(name: &str) -> Groups {
    GIVEN_NAMES.of.get(name).copied().unwrap_or_default()
}

/// The groups of a family name, folded.
pub fn family(name: &str) -> Groups {
    FAMILY_NAMES.of.get(name).copied().unwrap_or_default()
}

/// Whether a word is known as somebody's given name.
pub fn is_given(name: &str) -> bool {
    GIVEN_NAMES.of.contains_key(name)
}

/// Whether those who are called so are men (`m`) or women (`f`), as far as the list knows; a name it lacks that ends
/// in `a` is mostly a woman's.
pub fn sex_of(name: &str) -> Option<char> {
    let groups = given(name);
    let mut sexes =
        groups.iter().filter(|group| **group != 0).map(|group| GIVEN_NAMES.sex[*group as usize]);
    let Some(first) = sexes.next() else {
        return (name.len() > 3 && name.ends_with('a')).then_some('f');
    };
    let first = sexes.all(|sex| sex == first).then_some(first)?;
    matches!(first, b'f' | b'm').then_some(char::from(first))
}

/// Whether two names share a group.
pub fn share(one: &Groups, other: &Groups) -> bool {
    one.iter().any(|group| *group != 0 && other.contains(group))
}

/// Whether an initial may stand for the full name behind a given name: W for Bill.
pub fn initial_fits(groups: &Groups, initial: u8) -> bool {
    groups.iter().any(|group| *group != 0 && GIVEN_NAMES.initial[*group as usize] == initial)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_and_spellings_lead_to_one_group() {
        for (one, other, shared) in [
            ("bill", "william", true),
            ("sam", "samantha", true),
            ("sam", "samuel", true),
            ("mohammed", "muhammad", true),
            ("ayesha", "aisha", true),
            ("hassan", "hussain", false),
            ("james", "john", false),
            ("unheardof", "unheardof", false),
        ] {
            assert_eq!(share(&given(one), &given(other)), shared, "{one} {other}");
        }
        for (name, sex) in [
            ("karen", Some('f')),
            ("bill", Some('m')),
            ("sam", None),
            ("zuzia", Some('f')),
            ("joshua", Some('m')),
        ] {
            assert_eq!(sex_of(name), sex, "{name}");
        }
        assert!(share(&family("choudhury"), &family("chaudhry")));
        assert!(initial_fits(&given("bill"), b'w') && !initial_fits(&given("bill"), b'j'));
    }

    #[test]
    fn no_name_stands_in_more_groups_than_are_kept() {
        for list in [GIVEN, FAMILY] {
            let mut many: HashMap<&str, usize> = HashMap::new();
            for line in list.lines().filter(|line| !line.starts_with('#')) {
                let line = line.split_once(": ").map_or(line, |(_, line)| line);
                assert!(
                    line.bytes().all(|byte| byte == b' ' || byte.is_ascii_lowercase()),
                    "{line}"
                );
                for name in line.split(' ') {
                    *many.entry(name).or_default() += 1;
                }
            }
            let worst = many.iter().max_by_key(|(_, many)| **many);
            assert!(worst.is_some_and(|(_, many)| *many <= 4), "{worst:?}");
        }
    }
}
