//! Names of fields as people say them: the common model's own names stand in definitions, and not on pages.

/// `Family name` for `name.family`; what has no words of its own is said as it is written.
pub fn label(field: &str) -> String {
    let known = match field {
        "kind" => "Kind",
        "name.title" => "Title",
        "name.given" => "Given name",
        "name.middle" => "Other given names",
        "name.family" => "Family name",
        "sex" => "Sex",
        "birth_date" => "Date of birth",
        "birth_year" => "Year of birth",
        "death_date" => "Date of death",
        "deceased" => "Known to have died",
        "nino" => "National Insurance number",
        "reference" => "Number at the source",
        "contact.email" => "Email address",
        "contact.phone" => "Telephone",
        "contact.mobile" => "Mobile telephone",
        "contact.as_given" => "Telephone as given",
        "consent.contact" => "Agreed to be contacted",
        "address.uprn" => "Property number (UPRN)",
        "address.line1" => "Address, line 1",
        "address.line2" => "Address, line 2",
        "address.line3" => "Address, line 3",
        "address.town" => "Town",
        "address.county" => "County",
        "address.postcode" => "Postcode",
        "address.from" => "Lives there since",
        "address.to" => "Lived there until",
        "correspondence.line1" => "Address for letters, line 1",
        "correspondence.line2" => "Address for letters, line 2",
        "correspondence.town" => "Address for letters, town",
        "correspondence.postcode" => "Address for letters, postcode",
        "link.crm_person" => "Number in the CRM",
        "link.crm_case" => "Open case in the CRM",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    let said = field.replace(['.', '_'], " ");
    let mut letters = said.chars();
    let first: String =
        letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}", letters.as_str())
}

/// How two values agree, and the colour that helps to see it.
pub fn agreement(word: &str) -> (&'static str, &'static str) {
    match word {
        "same" => ("Same", "green"),
        "close" => ("Close", "yellow"),
        "different" => ("Different", "red"),
        _ => ("Missing", "grey"),
    }
}

/// `93 %`; never more sure than anybody is.
pub fn chance(probability: &f64) -> String {
    format!("{:.0} %", (probability * 100.0).clamp(1.0, 99.0))
}

/// `+4.4`
pub fn bits(bits: &f64) -> String {
    format!("{bits:+.1}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::schema;

    #[test]
    fn every_field_of_a_person_has_words() {
        for field in schema::PARTY {
            let said = label(field.name);
            assert!(!said.contains(['.', '_']) && said != field.name, "{}: {said}", field.name);
        }
        assert_eq!(label("council_tax.band"), "Council tax band");
        assert_eq!(chance(&0.999_9), "99 %");
        assert_eq!(bits(&-8.6), "-8.6");
    }
}
