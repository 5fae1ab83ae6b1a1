//! "Did you mean": the known word that was most likely meant.

/// What people call a thing, and what it is called here. No likeness of letters finds these.
const OTHER_WORDS: [(&str, &str); 9] = [
    ("city", "town"),
    ("dob", "birth_date"),
    ("first_name", "given"),
    ("forename", "given"),
    ("last_name", "family"),
    ("locality", "town"),
    ("surname", "family"),
    ("telephone", "phone"),
    ("zip", "postcode"),
];

/// The help for a word that is not known: the nearest one, or the whole list while it is short.
pub fn help(word: &str, known: &[&str]) -> Option<String> {
    if let Some(near) = nearest(word, known) {
        return Some(format!("did you mean `{near}`?"));
    }
    match known.len() {
        0 => None,
        1..=16 => {
            let mut listed: Vec<String> = known.iter().map(|one| format!("`{one}`")).collect();
            listed.sort();
            Some(format!("known here: {}", listed.join(", ")))
        }
        _ => None,
    }
}

/// The known word that is most like this one, if any is like it at all.
pub fn nearest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    const LIKENESS_MIN: f64 = 0.7;
    // Every letter is held against every letter of every known word, and none of those is half as long.
    const WORD_MAX: usize = 200;
    if word.len() > WORD_MAX {
        return None;
    }
    if let Some(meant) = other_word(word, known) {
        return Some(meant);
    }
    let likeness = |other: &str| {
        strsim::normalized_damerau_levenshtein(&word.to_lowercase(), &other.to_lowercase())
    };
    known
        .iter()
        .map(|other| (likeness(other), *other))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}

/// The known word that another one is used for: `address.city` is `address.town`.
fn other_word<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    let (group, last) = parted(word);
    let (_, meant) = OTHER_WORDS.iter().find(|(said, _)| last.eq_ignore_ascii_case(said))?;
    let same = known.iter().find(|known| parted(known) == (group, *meant));
    let anywhere = || known.iter().find(|known| parted(known).1 == *meant && group.is_empty());
    same.or_else(anywhere).copied()
}

/// The group of a field, and its own name.
fn parted(word: &str) -> (&str, &str) {
    word.rsplit_once('.').unwrap_or(("", word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_named_or_all_while_they_are_few() {
        let many: Vec<String> = (0..40).map(|number| format!("field_{number:02}_x")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (word, known, expected) in [
            ("nane", vec!["name", "owner"], Some("did you mean `name`?")),
            (
                "address.city",
                vec!["address.line1", "correspondence.town", "address.town"],
                Some("did you mean `address.town`?"),
            ),
            ("surname", vec!["name.given", "name.family"], Some("did you mean `name.family`?")),
            ("OWNER", vec!["name", "owner"], Some("did you mean `owner`?")),
            ("zzz", vec!["owner", "name"], Some("known here: `name`, `owner`")),
            ("zzz", many, None),
            ("zzz", vec![], None),
            (&"name".repeat(5_000_000), vec!["name"; 20], None),
        ] {
            assert_eq!(help(word, &known).as_deref(), expected, "{word}");
        }
    }
}
