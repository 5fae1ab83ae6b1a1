//! Which last lines of an address name a country, and how its post is priced. The names are those a
//! resident or a clerk would write: the ISO short names, common English variants and Welsh names of
//! the nearest. A territory that is not here is not a country to this sandbox, though the platform
//! may know it.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::sandbox::govuk_notify::charset::Alphabet;

/// Where post goes, as far as its price is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    UnitedKingdom,
    Europe,
    RestOfWorld,
}

impl Zone {
    /// The zone of a country by any name it is known by.
    pub fn of(name: &str) -> Option<Self> {
        if name.chars().any(char::is_numeric) {
            return None;
        }
        ["", "the ", "yr ", "y "]
            .iter()
            .find_map(|article| ZONES.get(&normalise(&format!("{article}{name}"))).copied())
    }
}

static ZONES: LazyLock<HashMap<String, Zone>> = LazyLock::new(|| {
    let lists = [
        (Zone::UnitedKingdom, UNITED_KINGDOM),
        (Zone::Europe, EUROPE),
        (Zone::RestOfWorld, REST_OF_WORLD),
    ];
    lists
        .into_iter()
        .flat_map(|(zone, names)| names.split(';').map(move |name| (normalise(name.trim()), zone)))
        .collect()
});

fn normalise(name: &str) -> String {
    let spelled = name.replace(['&', '+'], "and");
    let bare: String =
        spelled.chars().filter(|found| !" _-'’,.()".contains(*found)).collect::<String>();
    let bare = bare.to_lowercase();
    let ascii = Alphabet::PrintableAscii.encode(&bare);
    if ascii.contains('?') { bare } else { ascii }
}

const UNITED_KINGDOM: &str = "\
    United Kingdom; UK; GB; GBR; Great Britain; Britain; England; Scotland; Wales; Northern \
    Ireland; North Ireland; N Ireland; Cymru; Lloegr; Yr Alban; Gogledd Iwerddon; Y Deyrnas \
    Unedig; United Kingdom of Great Britain and Northern Ireland; Channel Islands; Alderney; \
    Brecqhou; Guernsey; Herm; Isle of Man; Jersey; Jethou; Sark; Ynys Manaw; Bailiwick of \
    Guernsey; Bailiwick of Jersey";

const EUROPE: &str = "\
    Albania; Andorra; Armenia; Austria; Österreich; Azerbaijan; Azores; Balearic Islands; \
    Belarus; Belgium; Belgique; België; Bosnia and Herzegovina; Bosnia; Bulgaria; Canary \
    Islands; Corsica; Croatia; Hrvatska; Cyprus; Czechia; Czech Republic; Denmark; Danmark; \
    Estonia; Eesti; Faroe Islands; Finland; Suomi; France; French Republic; Ffrainc; Georgia; \
    Germany; Deutschland; Federal Republic of Germany; East Germany; Yr Almaen; Gibraltar; \
    Greece; Hellas; Greenland; Hungary; Magyarország; Iceland; Ireland; Republic of Ireland; \
    Irish Republic; Rep of Ireland; ROI; Eire; Éire; Southern Ireland; South Ireland; Iwerddon; \
    Italy; Italia; Yr Eidal; Kazakhstan; Kosovo; Kyrgyzstan; Latvia; Latvija; Liechtenstein; \
    Lithuania; Lietuva; Luxembourg; Luxemburg; North Macedonia; Macedonia; Madeira; Malta; \
    Moldova; Monaco; Montenegro; Netherlands; Holland; Nederland; Norway; Norge; Poland; Polska; \
    Gwlad Pwyl; Portugal; Romania; România; Russia; Russian Federation; San Marino; Serbia; \
    Slovakia; Slovenia; Spain; España; Sbaen; Sweden; Sverige; Switzerland; Schweiz; Suisse; \
    Tajikistan; Turkey; Türkiye; Turkmenistan; Ukraine; Uzbekistan; Vatican City; Holy See; \
    Svalbard; Jan Mayen; Svalbard and Jan Mayen; Åland Islands";

const REST_OF_WORLD: &str = "\
    Afghanistan; Algeria; American Samoa; Angola; Anguilla; Antarctica; Antigua and Barbuda; \
    Antigua; Argentina; Aruba; Ascension; Ascension Island; Australia; Awstralia; Bahamas; The \
    Bahamas; Bahrain; Bangladesh; Barbados; Belize; Benin; Bermuda; Bhutan; Bolivia; Bonaire; \
    Botswana; Brazil; Brasil; British Antarctic Territory; British Indian Ocean Territory; \
    British Virgin Islands; Brunei; Brunei Darussalam; Burkina Faso; Burma; Myanmar; Burundi; \
    Cambodia; Cameroon; Canada; Cape Verde; Cabo Verde; Cayman Islands; Central African \
    Republic; Chad; Chile; China; People's Republic of China; Christmas Island; Cocos (Keeling) \
    Islands; Colombia; Comoros; Congo; Republic of the Congo; Congo (Democratic Republic); \
    Democratic Republic of the Congo; DRC; Cook Islands; Costa Rica; Cuba; Curaçao; Djibouti; \
    Dominica; Dominican Republic; East Timor; Timor-Leste; Ecuador; Egypt; El Salvador; \
    Equatorial Guinea; Eritrea; Eswatini; Swaziland; Ethiopia; Falkland Islands; Fiji; French \
    Guiana; French Polynesia; Gabon; Gambia; The Gambia; Ghana; Grenada; Guadeloupe; Guam; \
    Guatemala; Guinea; Guinea-Bissau; Guyana; Haiti; Honduras; Hong Kong; India; Indonesia; \
    Iran; Iraq; Israel; Ivory Coast; Côte d'Ivoire; Jamaica; Japan; Jordan; Kenya; Kiribati; \
    Kuwait; Laos; Lebanon; Lesotho; Liberia; Libya; Macao; Macau; Madagascar; Malawi; Malaysia; \
    Maldives; Mali; Marshall Islands; Martinique; Mauritania; Mauritius; Mayotte; Mexico; \
    México; Micronesia; Mongolia; Montserrat; Morocco; Mozambique; Namibia; Nauru; Nepal; New \
    Caledonia; New Zealand; Seland Newydd; Nicaragua; Niger; Nigeria; Niue; Norfolk Island; \
    North Korea; Northern Mariana Islands; Occupied Palestinian Territories; Palestine; Oman; \
    Pakistan; Palau; Panama; Papua New Guinea; Paraguay; Peru; Philippines; Pitcairn; Pitcairn \
    Islands; Puerto Rico; Qatar; Réunion; Reunion; Rwanda; Saint Barthélemy; Saint Helena; St \
    Helena; Saint Kitts and Nevis; St Kitts and Nevis; Saint Lucia; St Lucia; Saint Martin; \
    Saint Pierre and Miquelon; Saint Vincent and the Grenadines; St Vincent; Samoa; Sao Tome and \
    Principe; Saudi Arabia; Senegal; Seychelles; Sierra Leone; Singapore; Sint Maarten; Solomon \
    Islands; Somalia; South Africa; De Affrica; South Georgia; South Korea; Korea; Republic of \
    Korea; South Sudan; Sri Lanka; Sudan; Suriname; Syria; Taiwan; Tanzania; Thailand; Togo; \
    Tokelau; Tonga; Trinidad and Tobago; Trinidad; Tristan da Cunha; Tunisia; Turks and Caicos \
    Islands; Tuvalu; Uganda; United Arab Emirates; UAE; Abu Dhabi; Dubai; United States; United \
    States of America; United States America; USA; US; America; Yr Unol Daleithiau; United \
    States Virgin Islands; US Virgin Islands; Uruguay; Vanuatu; Venezuela; Vietnam; Viet Nam; \
    Wallis and Futuna; Western Sahara; Yemen; Zambia; Zimbabwe";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_known_by_many_names() {
        for (name, zone) in [
            ("U.K.", Some(Zone::UnitedKingdom)),
            ("jersey", Some(Zone::UnitedKingdom)),
            ("FRANCE", Some(Zone::Europe)),
            ("Republic Of Ireland", Some(Zone::Europe)),
            ("Almaen", Some(Zone::Europe)),
            ("Gambia", Some(Zone::RestOfWorld)),
            ("Trinidad & Tobago", Some(Zone::RestOfWorld)),
            ("Cote d’Ivoire", Some(Zone::RestOfWorld)),
            ("SW1A 1AA", None),
            ("Not a country", None),
            ("", None),
        ] {
            assert_eq!(Zone::of(name), zone, "{name}");
        }
    }
}
