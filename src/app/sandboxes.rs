//! `viaduct sandbox SYSTEM…`: which of the emulators are begun, and where. Every one is begun in the same way.

use std::path::PathBuf;
use std::str::FromStr;

use futures_util::future::{BoxFuture, FutureExt, select_all};
use serde_json::{Map, Value};

use super::context::AppError;
use super::sandbox::{self, CivicaPay, Crm, Notify, OpenRevenues, Pay, Told};
use crate::sandbox::serving::Running;

/// A system that is emulated: its word, the name that machines are told, and its usual port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    Notify,
    Pay,
    Receiver,
    OpenRevenues,
    CivicaPay,
    Verint,
}

impl System {
    pub const ALL: [System; 6] = [
        System::Notify,
        System::Pay,
        System::Receiver,
        System::OpenRevenues,
        System::CivicaPay,
        System::Verint,
    ];

    pub fn word(self) -> &'static str {
        match self {
            System::Notify => "notify",
            System::Pay => "pay",
            System::Receiver => "receiver",
            System::OpenRevenues => "openrevenues",
            System::CivicaPay => "civica-pay",
            System::Verint => "verint",
        }
    }

    fn name(self) -> &'static str {
        match self {
            System::Notify => "govuk_notify",
            System::Pay => "govuk_pay",
            System::Receiver => "receiver",
            System::OpenRevenues => "civica_openrevenues",
            System::CivicaPay => "civica_pay",
            System::Verint => "verint",
        }
    }

    fn usual_port(self) -> u16 {
        match self {
            System::Notify => 8484,
            System::Pay => 8485,
            System::Receiver => 8486,
            System::OpenRevenues => 8487,
            System::CivicaPay => 8488,
            System::Verint => 8489,
        }
    }
}

impl FromStr for System {
    type Err = String;

    fn from_str(text: &str) -> Result<System, String> {
        System::ALL.into_iter().find(|system| system.word() == text).ok_or_else(|| {
            let known = System::ALL.map(System::word).join(", ");
            format!("no system `{text}` is emulated: there is {known}")
        })
    }
}

/// `verint`, or `verint=9000` for another port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    system: System,
    port: u16,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Named, String> {
        let (word, port) =
            text.split_once('=').map_or((text, None), |(word, port)| (word, Some(port)));
        let system: System = word.parse()?;
        let port = match port {
            None => system.usual_port(),
            Some(port) => port.parse().map_err(|_| {
                format!("`{port}` is no port: write `{word}={}`, or 0 for any", system.usual_port())
            })?,
        };
        Ok(Named { system, port })
    }
}

/// `receiver=FILE`: where what a system did is appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    system: System,
    file: PathBuf,
}

impl FromStr for Ledger {
    type Err = String;

    fn from_str(text: &str) -> Result<Ledger, String> {
        let (word, file) =
            text.split_once('=').ok_or("write whose it is: `--ledger notify=FILE`")?;
        let system: System = word.parse()?;
        match system {
            System::OpenRevenues | System::CivicaPay => {
                Err(format!("`{word}` keeps its ledger in memory: see /sandbox/ledger there"))
            }
            _ => Ok(Ledger { system, file: PathBuf::from(file) }),
        }
    }
}

/// What is to be emulated.
#[derive(Clone, Debug, clap::Args)]
pub struct Wanted {
    /// Which: notify, pay, receiver, openrevenues, civica-pay, verint; each with another port than its usual one as
    /// verint=9000, and 0 for any that is free. Where nothing is said, notify and pay
    #[arg(value_name = "SYSTEM[=PORT]")]
    systems: Vec<Named>,
    /// A JSON file of GOV.UK Notify's services in place of the invented council's
    #[arg(long)]
    services: Option<PathBuf>,
    /// A file to which everything is appended that one of them took: notify=FILE
    #[arg(long, value_name = "SYSTEM=FILE")]
    ledger: Vec<Ledger>,
    /// How many council tax accounts OpenRevenues has
    #[arg(long, default_value_t = 500)]
    accounts: u32,
    /// List the templates of GOV.UK Notify with their numbers and placeholders, and end
    #[arg(long)]
    templates: bool,
}

/// What is begun, for machines and for people; nothing runs where only a list was wanted.
pub struct Begun {
    pub json: Value,
    pub text: String,
    running: Vec<Running>,
}

impl Begun {
    /// Begins them, each once.
    pub async fn of(wanted: &Wanted) -> Result<Begun, AppError> {
        if wanted.templates {
            let list = sandbox::templates(wanted.services.as_deref())?;
            return Ok(Begun { json: list.json(), text: list.text(), running: Vec::new() });
        }
        let usual = |system: System| Named { system, port: system.usual_port() };
        let systems = match wanted.systems.is_empty() {
            true => vec![usual(System::Notify), usual(System::Pay)],
            false => wanted.systems.clone(),
        };
        let (mut json, mut text, mut running) = (Map::new(), String::new(), Vec::new());
        for Named { system, port } in systems {
            if json.contains_key(system.name()) {
                let what = format!("`{}` is named twice: one is enough", system.word());
                return Err(AppError::Asked(what));
            }
            let (said, shown, begun) = begin(system, port, wanted).await?;
            json.insert(system.name().to_owned(), said);
            text.push_str(&shown);
            text.push('\n');
            running.push(begun);
        }
        text.push_str("Nobody in them is real, nothing is sent to anybody, and no money moves. Stop with Ctrl-C.\n");
        Ok(Begun { json: Value::Object(json), text, running })
    }

    /// Whether anything runs.
    pub fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// Waits until one of them ends, which none does by itself.
    pub async fn wait(self) {
        let all: Vec<BoxFuture<'static, ()>> =
            self.running.into_iter().map(|one| one.wait().boxed()).collect();
        select_all(all).await;
    }
}

async fn begin(
    system: System,
    port: u16,
    wanted: &Wanted,
) -> Result<(Value, String, Running), AppError> {
    let ledger = wanted.ledger.iter().find(|ledger| ledger.system == system);
    let ledger = ledger.map(|ledger| ledger.file.as_path());
    Ok(match system {
        System::Notify => {
            let one = Notify::start(port, wanted.services.as_deref(), ledger).await?;
            (one.json(), one.text(), one.running)
        }
        System::Pay => {
            let one = Pay::start(port, ledger, None).await?;
            (one.json(), one.text(), one.running)
        }
        System::Receiver => {
            let one = Told::start(port, ledger).await?;
            (one.json(), one.text(), one.running)
        }
        System::OpenRevenues => {
            let one = OpenRevenues::start(port, wanted.accounts).await?;
            (one.json(), one.text(), one.running)
        }
        System::CivicaPay => {
            let one = CivicaPay::start(port).await?;
            (one.json(), one.text(), one.running)
        }
        System::Verint => {
            let one = Crm::start(port, ledger).await?;
            (one.json(), one.text(), one.running)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_is_named_in_one_way() {
        for system in System::ALL {
            let usual = Ok(Named { system, port: system.usual_port() });
            assert_eq!(system.word().parse::<Named>(), usual);
            let other = format!("{}=0", system.word()).parse::<Named>();
            assert_eq!(other, Ok(Named { system, port: 0 }));
        }
        for (text, told) in [
            ("verrint", "no system `verrint` is emulated: there is notify, pay, receiver"),
            ("verint=x", "`x` is no port: write `verint=8489`"),
            ("verint=70000", "`70000` is no port"),
            ("", "no system ``"),
        ] {
            let error = text.parse::<Named>().expect_err(text);
            assert!(error.contains(told), "{error}");
        }
        assert!("receiver=/tmp/x".parse::<Ledger>().is_ok());
        assert!(
            "/tmp/x".parse::<Ledger>().is_err() && "civica-pay=/tmp/x".parse::<Ledger>().is_err()
        );
    }
}
