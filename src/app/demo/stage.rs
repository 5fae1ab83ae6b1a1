//! The stage of the demonstration: an invented council's systems and platforms, each where a real one would
//! stand. Three write a file every night, three are asked, and three are told.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::app::context::AppError;
use crate::app::sandbox::{Crm, Notify, OpenRevenues, Pay};
use crate::job::definition::JobDefinition;
use crate::sandbox::academy;
use crate::sandbox::council::household::Household;
use crate::sandbox::council::{Council, Truth};

/// How many council tax accounts the invented council has.
const ACCOUNTS: u32 = 4_000;
/// Any number gives another council.
const SEED: u64 = 42;
/// Of so many people OpenRevenues is asked about the accounts: several calls each, five in a second.
const PEOPLE: usize = 4;
/// So many have rung to ask whether their payment has come.
const ENQUIRIES: usize = 6;
/// And so many are in the old database.
const OLD: u32 = 20;
/// The nights that are played.
pub const NIGHTS: u32 = 2;

/// A system whose extract comes as a file, and how that is written.
struct Dropped {
    name: &'static str,
    /// What its definition calls the folder.
    variable: &'static str,
    /// The file's name; `#` is the night.
    file: &'static str,
    write: fn(&Council, u32, &mut dyn Write) -> std::io::Result<Truth>,
}

const DROPPED: [Dropped; 3] = [
    Dropped {
        name: "revenues",
        variable: "REVENUES_DROP",
        file: "ctax-night#.xml",
        write: Council::revenues_xml,
    },
    Dropped {
        name: "benefits",
        variable: "BENEFITS_DROP",
        file: "claims-night#.csv",
        write: Council::benefits_csv,
    },
    Dropped {
        name: "crm",
        variable: "CRM_DROP",
        file: "contacts-night#.json",
        write: Council::crm_json,
    },
];

/// The systems that are asked.
const ASKED: [&str; 4] = ["academy", "openrevenues", "verint_people", "verint"];
/// And those that are told each night.
const TOLD: [&str; 3] = ["notify", "pay", "verint"];
/// Who calls us.
pub const CALLS: &str = "pay_events";

/// Everything that is there while the demonstration plays; its emulators end when it is dropped.
pub struct Stage {
    folder: PathBuf,
    council: Council,
    notify: Notify,
    openrevenues: OpenRevenues,
    crm: Crm,
    pub pay: Pay,
}

impl Stage {
    /// Sets it up in a folder; the hub is called at `own_url`.
    pub async fn set(folder: &Path, own_url: &str) -> Result<Stage, AppError> {
        let folder = folder.to_owned();
        for name in DROPPED.iter().map(|system| system.name).chain(["people"]) {
            let drop = folder.join(name);
            fs::create_dir_all(&drop).map_err(io(&drop))?;
        }
        let council = Council::new(SEED, ACCOUNTS);
        let old = folder.join("academy.db");
        academy::write(&council, OLD, &old)
            .await
            .map_err(|error| io(&old)(std::io::Error::other(error)))?;
        let told_to = format!("{own_url}/in/{CALLS}");
        let pay = Pay::start(0, Some(&folder.join("pay-requests.jsonl")), Some(&told_to)).await?;
        let crm_ledger = folder.join("crm-written.jsonl");
        Ok(Stage {
            notify: Notify::start(0, None, Some(&folder.join("notify-ledger.jsonl"))).await?,
            openrevenues: OpenRevenues::of(council, 0).await?,
            crm: Crm::with_enquiries(&enquirers(&council), 0, Some(&crm_ledger)).await?,
            pay,
            council,
            folder,
        })
    }

    /// What the definitions name.
    pub fn variables(&self) -> HashMap<String, String> {
        let mut own = self.notify.variables();
        own.extend(self.pay.variables());
        own.extend(self.openrevenues.variables());
        own.extend(self.crm.variables());
        own.extend(drops(&self.folder));
        own.insert("OPENREVENUES_PEOPLE".to_owned(), self.path("people"));
        own.insert("ACADEMY_URL".to_owned(), format!("sqlite:{}", self.path("academy.db")));
        own.insert("ACADEMY_HOST".to_owned(), "127.0.0.1:1".to_owned());
        own
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Night falls: files are dropped, and the systems that are asked have that night's data.
    pub fn night_falls(&self, night: u32) -> Result<(), AppError> {
        for system in DROPPED {
            let file = system.file.replace('#', &night.to_string());
            let path = self.folder.join(system.name).join(file);
            let mut out = BufWriter::new(File::create(&path).map_err(io(&path))?);
            (system.write)(&self.council, night, &mut out)
                .and_then(|_| out.flush())
                .map_err(io(&path))?;
        }
        self.openrevenues.sandbox.behave(|behaviour| behaviour.night = night);
        let people = self.openrevenues.sandbox.people().into_iter().take(PEOPLE);
        let rows = people.map(|(person, account)| format!("{person},{account}\n"));
        let list: String =
            std::iter::once("person_ref,account_ref\n".to_owned()).chain(rows).collect();
        let path = self.folder.join("people").join(format!("people-{night}.csv"));
        fs::write(&path, list).map_err(io(&path))
    }
}

/// The variables by which the definitions find the folders that files are dropped into.
fn drops(folder: &Path) -> impl Iterator<Item = (String, String)> {
    let drop = |system: &Dropped| {
        (system.variable.to_owned(), folder.join(system.name).display().to_string())
    };
    DROPPED.iter().map(drop)
}

/// The jobs of those that have a part in the demonstration, in their turn: the definitions name more.
pub fn in_turn<'j>(jobs: impl Iterator<Item = &'j JobDefinition>) -> Vec<&'j JobDefinition> {
    let played = DROPPED.iter().map(|system| system.name).chain(ASKED);
    let turns: Vec<&str> = played.collect();
    let turn = |job: &JobDefinition| turns.iter().position(|name| *name == job.connector.value);
    let mut jobs: Vec<_> = jobs.filter_map(|job| Some((turn(job)?, job))).collect();
    jobs.sort_by_key(|(turn, _)| *turn);
    jobs.into_iter().map(|(_, job)| job).collect()
}

pub fn is_told(connector: &str) -> bool {
    TOLD.contains(&connector)
}

/// Those who rang to ask whether their payment has come: it comes in the second night.
fn enquirers(council: &Council) -> Vec<Household> {
    let paid = |index: &u32| {
        let before = council.household(*index, NIGHTS - 1)?;
        let after = council.household(*index, NIGHTS)?;
        (after.instalments_paid > before.instalments_paid).then_some(before)
    };
    (0..council.households_on(1)).filter_map(|index| paid(&index)).take(ENQUIRIES).collect()
}

fn io(what: &Path) -> impl FnOnce(std::io::Error) -> AppError {
    let what = what.display().to_string();
    move |error| AppError::Io { what, error }
}
