//! Nothing about a person, and no secret, in a log, in what a command says, in an error's text or in a
//! panic's: whatever the systems send, whatever the platform answers, however much is logged.

pub mod markers;
mod openrevenues;
mod printing;
mod sources;
pub mod walk;

use std::process::Command;

/// What a panic may quote.
const SECRET: &str = "Zqpanicberry";
const CHILD: &str = "VIADUCT_TEST_PANICS";

/// The child half of the test below: it breaks off on a value, in every way that Rust has.
#[test]
fn a_panic_says_where_and_not_on_what() {
    if std::env::var_os(CHILD).is_some() {
        return break_off();
    }
    let name = "secrecy::a_panic_says_where_and_not_on_what";
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "yes")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(!said.contains(SECRET), "{said}");
    let told =
        said.matches("error: this is a fault of Viaduct's, at tests/secrecy/mod.rs:").count();
    assert_eq!(told, 4, "{said}");
    assert_eq!(said.matches("  reference ").count(), 4, "{said}");
    assert_eq!(said.matches("panic.at=tests/secrecy/mod.rs:").count(), 4, "{said}");
    assert!(said.contains(": a sentence of the program"), "{said}");
}

fn break_off() {
    viaduct::app::logging::begin(Some("trace"), None).unwrap();
    viaduct::app::panics::install();
    let value = std::hint::black_box(SECRET.to_owned());
    let caught = |work: &(dyn Fn() + std::panic::RefUnwindSafe)| {
        std::panic::catch_unwind(work).expect_err("it breaks off");
    };
    let quoted = value.clone();
    caught(&move || panic!("no {quoted} here"));
    let failed: Result<(), String> = Err(value.clone());
    caught(&move || failed.clone().unwrap());
    let quoted = value.clone();
    caught(&move || assert_eq!(quoted, "somebody else"));
    caught(&|| panic!("a sentence of the program"));
}
