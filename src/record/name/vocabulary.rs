//! The words by which a name field tells what it holds: titles, executors, firms, nobody.
//!
//! Words are compared in capitals, letters and digits only (`DEC'D` is `DECD`). These lists are
//! what British revenues systems hold; a council's own odd words belong in its mapping, not here.

/// Titles and how they are printed; an empty one is dropped.
const TITLES: [(&str, &str); 37] = [
    ("MR", "Mr"),
    ("MRS", "Mrs"),
    ("MS", "Ms"),
    ("MISS", "Miss"),
    ("MX", "Mx"),
    ("DR", "Dr"),
    ("DOCTOR", "Dr"),
    ("PROF", "Prof"),
    ("PROFESSOR", "Prof"),
    ("REV", "Rev"),
    ("REVD", "Rev"),
    ("REVEREND", "Rev"),
    ("FR", "Fr"),
    ("FATHER", "Fr"),
    ("SISTER", "Sister"),
    ("SIR", "Sir"),
    ("LADY", "Lady"),
    ("LORD", "Lord"),
    ("DAME", "Dame"),
    ("BARONESS", "Baroness"),
    ("HON", "Hon"),
    ("MASTER", "Master"),
    ("MSTR", "Master"),
    ("CAPT", "Capt"),
    ("CAPTAIN", "Capt"),
    ("MAJ", "Major"),
    ("MAJOR", "Major"),
    ("COL", "Col"),
    ("COLONEL", "Col"),
    ("SGT", "Sgt"),
    ("CLLR", "Cllr"),
    ("COUNCILLOR", "Cllr"),
    ("RABBI", "Rabbi"),
    ("IMAM", "Imam"),
    ("MADAM", "Madam"),
    ("MESSRS", ""),
    ("THE", ""),
];

/// Titles that people are called by, too.
const NAMES_TOO: [&str; 5] = ["MAJOR", "LORD", "MASTER", "FATHER", "SISTER"];

/// Letters behind a name, which are no part of it: generations, honours, degrees, chartered bodies.
/// Those that are family names as well, such as `BA`, `MENG` and `SEN`, are not among them.
const BEHIND: [&str; 56] = [
    "ESQ", "JNR", "JR", "SNR", "SR", "JP", "QC", "KC", "OBE", "MBE", "CBE", "DBE", "KBE", "GBE",
    "BEM", "CMG", "KCMG", "DCMG", "CVO", "LVO", "MVO", "QPM", "KPM", "QFSM", "KFSM", "DSO", "DSC",
    "DFC", "BSC", "MSC", "LLB", "LLM", "MBBS", "MBCHB", "MPHIL", "DPHIL", "PHD", "PGCE", "HONS",
    "MRCVS", "FRCVS", "MRCGP", "MRCP", "FRCP", "FRCS", "FRCA", "MRICS", "FRICS", "FRSA", "FRS",
    "FBA", "FCA", "ACCA", "FCCA", "MCIPD", "RGN",
];

/// Said before an earlier name.
const FORMER: [&str; 8] =
    ["NEE", "FORMERLY", "FORMER", "PREVIOUSLY", "PREV", "FKA", "FMLY", "MAIDEN"];

const DECEASED: [&str; 10] =
    ["DECD", "DECED", "DECSD", "DCSD", "DCD", "DECSED", "DECEASED", "DECEASE", "DESEASED", "LATE"];

const EXECUTORS: [&str; 15] = [
    "EXOR",
    "EXORS",
    "EXRS",
    "EXS",
    "EXEC",
    "EXECS",
    "EXECUTOR",
    "EXECUTORS",
    "EXECUTRIX",
    "PERSREP",
    "PERSREPS",
    "LPR",
    "LPRS",
    "ADMINISTRATOR",
    "ADMINISTRATORS",
];

/// Forms of a body in law: an organisation whatever stands beside them.
const BODIES: [&str; 15] = [
    "LTD",
    "LIMITED",
    "PLC",
    "LLP",
    "CIC",
    "CIO",
    "INC",
    "COUNCIL",
    "MBC",
    "ASSOCIATION",
    "ASSOC",
    "UNIVERSITY",
    "NHS",
    "HOUSING",
    "TRADING",
];

/// An organisation, unless a title says that someone is called so.
const FIRMS: [&str; 32] = [
    "TRUST",
    "TRUSTEE",
    "TRUSTEES",
    "CO",
    "COMPANY",
    "PROPERTIES",
    "PROPERTY",
    "LETTINGS",
    "HOLDINGS",
    "SERVICES",
    "INVESTMENTS",
    "DEVELOPMENTS",
    "SOLICITORS",
    "SONS",
    "BROS",
    "BROTHERS",
    "GROUP",
    "SOCIETY",
    "CHARITY",
    "FOUNDATION",
    "PARTNERSHIP",
    "PARTNERS",
    "ESTATES",
    "HOMES",
    "MANAGEMENT",
    "ENTERPRISES",
    "INTERNATIONAL",
    "UK",
    "AGENCY",
    "AGENTS",
    "LETTING",
    "ACCOMMODATION",
];

/// An organisation, unless a title or a comma says that someone is called so.
const TRADES: [&str; 17] = [
    "CHURCH", "BANK", "SCHOOL", "COLLEGE", "CLUB", "CARE", "CENTRE", "HOTEL", "SHOP", "CAFE",
    "SALON", "STORES", "SURGERY", "NURSERY", "HOSTEL", "SUPPORT", "PROJECT",
];

/// Said when nobody is known.
const NOBODY: [&str; 27] = [
    "OCCUPIER",
    "OCCUPIERS",
    "OCCUPANT",
    "OWNER",
    "OWNERS",
    "LANDLORD",
    "TENANT",
    "TENANTS",
    "RESIDENT",
    "RESIDENTS",
    "UNKNOWN",
    "NOTKNOWN",
    "NK",
    "NA",
    "NONE",
    "NAME",
    "NIL",
    "NULL",
    "TBA",
    "TBC",
    "TEST",
    "TESTING",
    "DUMMY",
    "VACANT",
    "VOID",
    "EMPTY",
    "ANOTHER",
];

/// Words that may stand beside those and add nobody.
const FILLERS: [&str; 18] = [
    "A", "N", "O", "ANY", "NEW", "NOT", "KNOWN", "OTHER", "CURRENT", "PRESENT", "FUTURE", "FORMER",
    "LEGAL", "LIABLE", "PERSON", "ACCOUNT", "PROPERTY", "OR",
];

/// Small words in front of a family name that belong to it.
const PARTICLES: [&str; 30] = [
    "AB", "AF", "AL", "AP", "BEN", "BIN", "BINT", "BINTI", "DA", "DE", "DEL", "DELLA", "DEN",
    "DER", "DI", "DOS", "DU", "EL", "IBN", "LA", "LE", "MAC", "ST", "TEN", "TER", "VAN", "VON",
    "Y", "ZU", "VOM",
];

/// Of those, the ones that are also given names: not part of the family name when they come first.
const ALSO_GIVEN: [&str; 5] = ["AL", "BEN", "EL", "MAC", "DEL"];

pub(super) fn title(word: &str) -> Option<&'static str> {
    TITLES.iter().find(|(written, _)| *written == word).map(|(_, printed)| *printed)
}

pub(super) fn is_name_too(word: &str) -> bool {
    NAMES_TOO.contains(&word)
}

pub(super) fn is_behind(word: &str) -> bool {
    BEHIND.contains(&word)
}

pub(super) fn is_former(word: &str) -> bool {
    FORMER.contains(&word)
}

/// The usual abbreviations, and misspellings that are nearer to `DECEASED` than to any name.
pub(super) fn is_deceased(word: &str) -> bool {
    let near = |word: &str| {
        word.starts_with('D')
            && (6..=10).contains(&word.len())
            && strsim::levenshtein(word, "DECEASED") <= 2
    };
    DECEASED.contains(&word) || near(word)
}

pub(super) fn is_executor(word: &str) -> bool {
    EXECUTORS.contains(&word)
}

pub(super) fn is_body(word: &str) -> bool {
    BODIES.contains(&word)
}

pub(super) fn is_firm(word: &str) -> bool {
    FIRMS.contains(&word)
}

pub(super) fn is_trade(word: &str) -> bool {
    TRADES.contains(&word)
}

pub(super) fn is_nobody(word: &str) -> bool {
    NOBODY.contains(&word)
}

pub(super) fn is_filler(word: &str) -> bool {
    FILLERS.contains(&word) || title(word).is_some()
}

pub(super) fn is_particle(word: &str) -> bool {
    PARTICLES.contains(&word)
}

pub(super) fn is_also_given(word: &str) -> bool {
    ALSO_GIVEN.contains(&word)
}
