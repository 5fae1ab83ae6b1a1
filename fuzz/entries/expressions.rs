//! Expressions: compiled, and run on what may stand at the places they read.

use viaduct::definition::reader::{File, Span, Spanned};
use viaduct::mapping::expression::types::Type;
use viaduct::mapping::expression::{Expression, Given, Outcome, Scope, Slot, TEXT_MAX, Wanted};
use viaduct::record::schema::{ACCOUNT, PARTY};

use super::input::Input;

const TEXTS: [&str; 8] =
    ["", "LIVE", "12", "-7", "2026-04-01", "Testberry", " 9223372036854775807 ", "£ and é"];
const NUMBERS: [i64; 6] = [0, 1, -1, 5_000, i64::MIN, i64::MAX];
const DECIMALS: [f64; 5] = [0.0, -1.5, 1e300, f64::MIN_POSITIVE, f64::NAN];

pub fn expressions(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let scope = input.pick(&[Scope::Source, Scope::Resident, Scope::Account]);
    let wanted = input.pick(&[Wanted::Condition, Wanted::Text]);
    let seed = input.byte();
    let text = input.text();
    let file = File::parse("mappings/inbound/fuzzed.toml", format!("expr = '''{text}'''"));
    let at = Span { start: 7, end: 7 + text.len() + 6 };
    let read = Expression::read(&file, &Spanned { value: text, at }, scope, wanted);
    let of_account = scope == Scope::Account;
    let faults: Vec<String> = file.into_diagnostics().iter().map(ToString::to_string).collect();
    assert!(faults.iter().all(|fault| !fault.is_empty()));
    let Some(expression) = read else {
        assert!(!faults.is_empty(), "an expression is refused and nobody is told why");
        return;
    };
    for turn in [seed, seed.wrapping_add(1), seed.wrapping_mul(7)] {
        let run = || expression.run(|number, slot| Ok(given(slot, of_account, turn, number)));
        let first = run();
        assert_eq!(first, run(), "it comes to something else the second time");
        match first {
            Ok(Outcome::Text(text)) => {
                assert!(wanted == Wanted::Text && text.len() <= TEXT_MAX);
            }
            Ok(Outcome::Absent) => assert!(wanted == Wanted::Text, "a condition says nothing"),
            Ok(Outcome::Flag(_)) | Err(_) => {}
        }
    }
}

/// What stands at a place: something of the right type, or nothing.
fn given(slot: &Slot, of_account: bool, turn: u8, number: usize) -> Given {
    let turn = usize::from(turn) + number * 3;
    let text = || TEXTS[turn % TEXTS.len()].to_owned();
    let subject = if of_account { ACCOUNT } else { PARTY };
    let field = match slot {
        Slot::Text(_) => return Given::Text(text()),
        Slot::Texts(_) => {
            let many = TEXTS.iter().cycle().skip(turn).take(turn % 5);
            return Given::Texts(many.map(|text| (*text).to_owned()).collect());
        }
        Slot::Count(_) => return Given::Whole((turn % 4) as i64),
        Slot::Resident(field) => &PARTY[usize::from(*field)],
        Slot::Account(field) => &ACCOUNT[usize::from(*field)],
        Slot::Was(field) | Slot::Is(field) => &subject[usize::from(*field)],
    };
    if turn.is_multiple_of(4) {
        return Given::Absent;
    }
    match Type::of(field.kind) {
        Type::Whole => Given::Whole(NUMBERS[turn % NUMBERS.len()]),
        Type::Decimal => Given::Decimal(DECIMALS[turn % DECIMALS.len()]),
        Type::Flag => Given::Flag(turn.is_multiple_of(2)),
        Type::Text | Type::List(_) => Given::Text(text()),
    }
}
