//! Tables of name fields, and what they must be read as.

use super::*;
use proptest::prelude::{any, prop_assert, proptest};

/// `kind|title|given|middle|family` with a cross for the dead; several joined by ` + `.
fn shown(text: &str) -> String {
    let one = |party: &NamedParty| {
        let kind = match party.kind {
            PartyKind::Person => "person",
            PartyKind::Estate => "estate",
            PartyKind::Organisation => "organisation",
            PartyKind::Placeholder => "nobody",
        };
        let cross = if party.deceased { "|†" } else { "" };
        let NamedParty { title, given, middle, family, .. } = party;
        format!("{kind}|{title}|{given}|{middle}|{family}{cross}")
    };
    parse_names(text).iter().map(one).collect::<Vec<_>>().join(" + ")
}

/// The same, each with the codes of what was left out.
fn noted(text: &str) -> String {
    let codes = |party: &NamedParty| {
        party.notes.iter().map(|note| format!(" [{}]", note.code())).collect::<String>()
    };
    let shown = shown(text);
    let parties = parse_names(text);
    let noted = shown.split(" + ").zip(&parties);
    noted.map(|(shown, party)| format!("{shown}{}", codes(party))).collect::<Vec<_>>().join(" + ")
}

#[test]
fn what_is_no_part_of_a_name_is_left_out_and_noted() {
    for (text, wanted) in [
        ("TESTBERRY,MS ARDEN KC", "person|Ms|Arden||Testberry [name_letters]"),
        ("TESTBERRY,MS ARDEN,OBE", "person|Ms|Arden||Testberry [name_letters]"),
        ("TESTBERRY,DR ARDEN J PhD MRCVS", "person|Dr|Arden|J|Testberry [name_letters]"),
        ("MR ARDEN TESTBERRY O.B.E.", "person|Mr|Arden||Testberry [name_letters]"),
        ("Mr Arden Testberry M.R.C.V.S.", "person|Mr|Arden||Testberry [name_letters]"),
        ("Arden Testberry BEM", "person||Arden||Testberry [name_letters]"),
        ("TESTBERRY,MR ARDEN JNR", "person|Mr|Arden||Testberry [name_letters]"),
        ("FAKELEY,MR B MBE & MRS C", "person|Mr|B||Fakeley [name_letters] + person|Mrs|C||Fakeley"),
        ("FAKELEY,MR A ESQ", "person|Mr|A||Fakeley"),
        // Initials that look like letters behind a name, with no other name before them.
        ("TESTBERRY,MR KC", "person|Mr|Kc||Testberry"),
        ("TESTBERRY,MR J.P.", "person|Mr|J|P|Testberry"),
        ("MR KC TESTBERRY", "person|Mr|Kc||Testberry"),
        ("MR A KC TESTBERRY", "person|Mr|A|Kc|Testberry"),
        ("TESTBERRY,MS ARDEN (STUDENT)", "person|Ms|Arden||Testberry [name_remark]"),
        ("TESTBERRY,MS ARDEN (STUD", "person|Ms|Arden||Testberry [name_remark]"),
        (
            "FAKELEY,MR B (STUDENT) & MRS C",
            "person|Mr|B||Fakeley [name_remark] + person|Mrs|C||Fakeley",
        ),
        ("TESTBERRY,MRS ARDEN (NEE FAKELEY)", "person|Mrs|Arden||Testberry [name_former]"),
        ("TESTBERRY,MRS ARDEN (Née Fakeley)", "person|Mrs|Arden||Testberry [name_former]"),
        ("MRS ARDEN TESTBERRY NEE FAKELEY", "person|Mrs|Arden||Testberry [name_former]"),
        ("TESTBERRY,MRS ARDEN NEE FAKELEY", "person|Mrs|Arden||Testberry [name_former]"),
        ("NEE,MR ARDEN", "person|Mr|Arden||Nee"),
        ("TESTBERRY,MS ARDEN (DEC'D)", "person|Ms|Arden||Testberry|†"),
        ("TESTBERRY,ARDEN (MS)", "person|Ms|Arden||Testberry"),
        ("(TESTBERRY)", "person||||Testberry"),
        ("FAKELEY (UK) LTD", "organisation||||FAKELEY (UK) LTD"),
        ("OCCUPIER (FLAT 2)", "nobody||||OCCUPIER (FLAT 2)"),
    ] {
        assert_eq!(noted(text), wanted, "{text}");
    }
}

fn check(table: &[(&str, &str)]) {
    let wrong: Vec<_> = table
        .iter()
        .map(|(text, wanted)| (text, shown(text), wanted))
        .filter(|(_, found, wanted)| found != *wanted)
        .map(|(text, found, wanted)| format!("{text}\n  found  {found}\n  wanted {wanted}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_person_in_any_order() {
    check(&[
        ("TESTBERRY,MS ARDEN J", "person|Ms|Arden|J|Testberry"),
        ("TESTBERRY, MS ARDEN JO LEE", "person|Ms|Arden|Jo Lee|Testberry"),
        ("TESTBERRY,ARDEN", "person||Arden||Testberry"),
        ("TESTBERRY,ARDEN MS", "person|Ms|Arden||Testberry"),
        ("TESTBERRY,ARDEN,MS", "person|Ms|Arden||Testberry"),
        ("MS TESTBERRY,ARDEN", "person|Ms|Arden||Testberry"),
        ("MS ARDEN TESTBERRY", "person|Ms|Arden||Testberry"),
        ("Ms. Arden J. Testberry", "person|Ms|Arden|J|Testberry"),
        ("MR.B.FAKELEY", "person|Mr|B||Fakeley"),
        ("TESTBERRY MS ARDEN", "person|Ms|Arden||Testberry"),
        ("ARDEN TESTBERRY MS", "person|Ms|Arden||Testberry"),
        ("Arden Testberry", "person||Arden||Testberry"),
        ("TESTBERRY A J", "person||A|J|Testberry"),
        ("A.J. TESTBERRY", "person||A|J|Testberry"),
        ("MS TESTBERRY", "person|Ms|||Testberry"),
        ("TESTBERRY", "person||||Testberry"),
        ("O'SAMPLETON,DR K", "person|Dr|K||O'Sampleton"),
        ("Ångström-Test,MX Ø", "person|Mx|Ø||Ångström-Test"),
        ("St.John-Bramble,MR A", "person|Mr|A||St.John-Bramble"),
        ("REV DR ARDEN FAKELEY", "person|Rev Dr|Arden||Fakeley"),
        ("LORD,MR A", "person|Mr|A||Lord"),
        ("MR JOHN MAJOR", "person|Mr|John||Major"),
        ("MR MAJOR SINGH", "person|Mr|Major||Singh"),
        ("MR J & MRS K LORD", "person|Mr|J||Lord + person|Mrs|K||Lord"),
        ("MAJOR JOHN BRAMBLE", "person|Major|John||Bramble"),
        ("FAKELEY,MR A ESQ", "person|Mr|A||Fakeley"),
        ("& FAKELEY,MR A", "person|Mr|A||Fakeley"),
        ("*FAKELEY,MR A", "person|Mr|A||Fakeley"),
        (". /\\ FAKELEY,MR A", "person|Mr|A||Fakeley"),
        ("FAKELEY,MR A C/O BRAMBLE SOLICITORS", "person|Mr|A||Fakeley"),
        ("  fakeley ,  mr   a ", "person|Mr|A||Fakeley"),
    ]);
}

#[test]
fn particles_belong_to_the_family_name() {
    check(&[
        ("MR ARDEN VAN DER BRAMBLE", "person|Mr|Arden||van der Bramble"),
        ("VAN DER BRAMBLE,MR ARDEN", "person|Mr|Arden||van der Bramble"),
        ("MS DE FAKELEY", "person|Ms|||de Fakeley"),
        ("ARDEN DE LA BRAMBLE", "person||Arden||de la Bramble"),
        ("ARDEN AP BRAMBLE", "person||Arden||ap Bramble"),
        ("Arden al-Bramble", "person||Arden||al-Bramble"),
        ("ARDEN AL BRAMBLE", "person||Arden||Al Bramble"),
        ("MR AL BRAMBLE", "person|Mr|Al||Bramble"),
        ("BEN FAKELEY", "person||Ben||Fakeley"),
        ("MEI NG", "person||Mei||Ng"),
    ]);
}

#[test]
fn couples_share_a_family_name() {
    let fakeleys = "person|Mr|B||Fakeley + person|Mrs|C||Fakeley";
    check(&[
        ("FAKELEY,MR B & MRS C", fakeleys),
        ("FAKELEY,MR B AND MRS C", fakeleys),
        ("FAKELEY,MR B&MRS C", fakeleys),
        ("FAKELEY,MR B + MRS C", fakeleys),
        ("MR B & MRS C FAKELEY", fakeleys),
        ("MR B FAKELEY & MRS C FAKELEY", fakeleys),
        ("MR B FAKELEY, MRS C FAKELEY", fakeleys),
        ("FAKELEY MR B & MRS C", fakeleys),
        ("FAKELEY,MR B & FAKELEY,MRS C", fakeleys),
        ("O'BRIEN,MR J & MRS K", "person|Mr|J||O'Brien + person|Mrs|K||O'Brien"),
        // By custom the name is his, unless it is known as a woman's.
        ("MR & MRS J BRAMBLE", "person|Mr|J||Bramble + person|Mrs|||Bramble"),
        ("MR/MRS J BRAMBLE", "person|Mr|J||Bramble + person|Mrs|||Bramble"),
        ("MR & MRS KAREN BRAMBLE", "person|Mr|||Bramble + person|Mrs|Karen||Bramble"),
        ("MR JULIAN & MRS C FAKELEY", "person|Mr|Julian||Fakeley + person|Mrs|C||Fakeley"),
        ("MR B FAKELEY/MRS C BRAMBLE", "person|Mr|B||Fakeley + person|Mrs|C||Bramble"),
        ("MR B FAKELEY & BRAMBLE, MRS C", "person|Mr|B||Fakeley + person|Mrs|C||Bramble"),
        ("FAKELEY,MR B & MRS C BRAMBLE", "person|Mr|B||Fakeley + person|Mrs|C||Bramble"),
        (
            "FAKELEY BENJAMIN MR & BRAMBLE C MRS",
            "person|Mr|Benjamin||Fakeley + person|Mrs|C||Bramble",
        ),
        ("MR AND MRS BRAMBLE", "person|Mr|||Bramble + person|Mrs|||Bramble"),
        ("BRAMBLE,MR & MRS J", "person|Mr|||Bramble + person|Mrs|J||Bramble"),
        ("MR BEN & MRS CARA FAKELEY", "person|Mr|Ben||Fakeley + person|Mrs|Cara||Fakeley"),
        ("MR BRAMBLE & MRS FAKELEY", "person|Mr|||Bramble + person|Mrs|||Fakeley"),
        ("MR BRAMBLE & MRS C FAKELEY", "person|Mr|||Bramble + person|Mrs|C||Fakeley"),
        ("MR A BRAMBLE & MS C FAKELEY", "person|Mr|A||Bramble + person|Ms|C||Fakeley"),
        ("BRAMBLE,MR A & FAKELEY,MS C", "person|Mr|A||Bramble + person|Ms|C||Fakeley"),
        ("FAKELEY,BEN & CARA", "person||Ben||Fakeley + person||Cara||Fakeley"),
        (
            "FAKELEY,MR B & MRS C & MISS D",
            "person|Mr|B||Fakeley + person|Mrs|C||Fakeley + person|Miss|D||Fakeley",
        ),
    ]);
}

#[test]
fn the_dead_and_their_estates_are_told_apart() {
    check(&[
        ("MR B FAKELEY & EXORS OF MRS C FAKELEY", "person|Mr|B||Fakeley + estate|Mrs|C||Fakeley|†"),
        ("EXORS OF BRAMBLE DECD", "estate||||Bramble|†"),
        ("EXORS OF BRAMBLE,MR J DEC'D", "estate|Mr|J||Bramble|†"),
        ("EXECUTORS OF THE LATE ARDEN BRAMBLE", "estate||Arden||Bramble|†"),
        ("THE EXECUTORS OF MRS A BRAMBLE", "estate|Mrs|A||Bramble|†"),
        ("PERS REPS OF MRS A BRAMBLE (DECEASED)", "estate|Mrs|A||Bramble|†"),
        ("PERSONAL REPRESENTATIVES OF BRAMBLE", "estate||||Bramble|†"),
        ("THE ESTATE OF MR A BRAMBLE", "estate|Mr|A||Bramble|†"),
        ("BRAMBLE,EXORS OF MS ARDEN", "estate|Ms|Arden||Bramble|†"),
        ("BRAMBLE,MR J (EXORS OF)", "estate|Mr|J||Bramble|†"),
        ("BRAMBLE EXORS", "estate||||Bramble|†"),
        ("FAKELEY SOLICITORS EXORS OF BRAMBLE", "estate||||Bramble|†"),
        ("TESTBERRY,MS ARDEN DECD", "person|Ms|Arden||Testberry|†"),
        ("TESTBERRY,MS ARDEN (DEC'D)", "person|Ms|Arden||Testberry|†"),
        ("TESTBERRY,MS ARDEN DECESED", "person|Ms|Arden||Testberry|†"),
        ("TESTBERRY,MS ARDEN DECAESED", "person|Ms|Arden||Testberry|†"),
        ("FAKELEY,MR B DECD & MRS C", "person|Mr|B||Fakeley|† + person|Mrs|C||Fakeley"),
        ("LATE", "person||||Late"),
    ]);
}

#[test]
fn organisations_keep_their_name_whole() {
    check(&[
        ("SAMPLEHAM HOUSING ASSOCIATION", "organisation||||SAMPLEHAM HOUSING ASSOCIATION"),
        ("Fakeley Ltd", "organisation||||Fakeley Ltd"),
        ("FAKELEY PLC.", "organisation||||FAKELEY PLC."),
        ("BRAMBLE & SONS", "organisation||||BRAMBLE & SONS"),
        ("Smith-&-Co", "organisation||||Smith-&-Co"),
        ("BRAMBLE & FAKELEY", "organisation||||BRAMBLE & FAKELEY"),
        ("EXAMPLE MBC", "organisation||||EXAMPLE MBC"),
        ("TRUSTEES OF BRAMBLE TRUST", "organisation||||TRUSTEES OF BRAMBLE TRUST"),
        ("MR A FAKELEY TRADING AS FIXIT", "organisation||||MR A FAKELEY TRADING AS FIXIT"),
        ("*BRAMBLE PROPERTIES  LLP", "organisation||||BRAMBLE PROPERTIES LLP"),
        ("SAMPLEHAM CHURCH", "organisation||||SAMPLEHAM CHURCH"),
        ("CHURCH,ARDEN", "person||Arden||Church"),
        ("TRUST,MR A", "person|Mr|A||Trust"),
        ("BANK,MS A", "person|Ms|A||Bank"),
    ]);
}

#[test]
fn words_for_nobody_name_nobody() {
    check(&[
        ("THE OCCUPIER", "nobody||||THE OCCUPIER"),
        ("OWNER/OCCUPIER", "nobody||||OWNER/OCCUPIER"),
        ("The Owner", "nobody||||The Owner"),
        ("UNKNOWN", "nobody||||UNKNOWN"),
        ("UNKNOWN,MR", "nobody||||UNKNOWN,MR"),
        ("NOT KNOWN", "nobody||||NOT KNOWN"),
        ("N/K", "nobody||||N/K"),
        ("TEST", "nobody||||TEST"),
        ("TEST ACCOUNT", "nobody||||TEST ACCOUNT"),
        ("A N OTHER", "nobody||||A N OTHER"),
        ("NEW TENANT", "nobody||||NEW TENANT"),
        ("MR", "nobody||||MR"),
        ("12345", "nobody||||12345"),
        ("??", "nobody||||??"),
        ("***", "nobody||||***"),
        ("OF", "nobody||||OF"),
        ("TEST,MR ARDEN", "person|Mr|Arden||Test"),
        ("OWNER,MRS C B", "person|Mrs|C|B|Owner"),
        ("", ""),
        ("   ", ""),
    ]);
}

#[test]
fn markup_and_commands_are_only_text() {
    for text in ["<script>alert(1)</script>", "'; DROP TABLE x;--", "{{7*7}}", "${jndi:x}"] {
        assert_eq!(parse_names(text).len(), 1, "{text}");
    }
    assert_eq!(format!("{:?}", parse_names("Testberry")), "[NamedParty(Person …)]");
}

proptest! {
    #[test]
    fn nobody_is_lost_and_nothing_panics(text in any::<String>(), name in "[A-Z ,&']{0,40}") {
        for text in [text, name] {
            let parties = parse_names(&text);
            prop_assert!(parties.len() <= PARTIES_MAX);
            let said = text.chars().any(|letter| !letter.is_whitespace());
            prop_assert!(!said || !parties.is_empty(), "{text:?} named no party");
        }
    }
}

#[test]
fn an_essay_names_nobody_and_takes_no_stack() {
    let kinds = |text: &str| -> Vec<PartyKind> {
        parse_names(text).iter().map(|party| party.kind).collect()
    };
    // Each initial was read by a call within the call for the one before it.
    assert_eq!(kinds(&"A.".repeat(100_000)), [PartyKind::Placeholder]);
    assert_eq!(kinds(&"A.".repeat(1_000)), [PartyKind::Person]);
    assert_eq!(kinds(&"NOT KNOWN ".repeat(100_000)), [PartyKind::Placeholder]);
    let lent = format!("{} & {}", "A & ".repeat(50_000), "BRAMBLE ".repeat(50_000));
    assert_eq!(kinds(&lent), [PartyKind::Placeholder]);
    assert_eq!(kinds(&" ".repeat(100_000)), []);
}
