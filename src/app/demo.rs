//! `viaduct demo`: three systems' first night, then the second, then some payers, against the sandboxes.
//! Ends by itself.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::context::{AppError, Context, surroundings};
use super::payers::{self, Payer};
use super::report::{RunReport, states};
use super::run;
use super::sandbox::{Notify, Pay};
use crate::job::definition::Action;
use crate::sandbox::council::{Council, Truth};
use crate::store::{outbox, residents};
use crate::web::pay::Desk;
use crate::web::server::Listening;

/// How many council tax accounts the invented council has.
const ACCOUNTS: u32 = 4_000;
/// Any number gives another council.
const SEED: u64 = 42;

/// A system of the council, and how its nightly file is written.
struct System {
    name: &'static str,
    /// What its definition calls the folder.
    variable: &'static str,
    /// The file's name; `#` is the night.
    file: &'static str,
    write: fn(&Council, u32, &mut dyn Write) -> std::io::Result<Truth>,
}

const SYSTEMS: [System; 3] = [
    System {
        name: "revenues",
        variable: "REVENUES_DROP",
        file: "ctax-night#.xml",
        write: Council::revenues_xml,
    },
    System {
        name: "benefits",
        variable: "BENEFITS_DROP",
        file: "claims-night#.csv",
        write: Council::benefits_csv,
    },
    System {
        name: "crm",
        variable: "CRM_DROP",
        file: "contacts-night#.json",
        write: Council::crm_json,
    },
];

/// What the demonstration saw.
pub struct Demo {
    nights: Vec<Value>,
    residents: (i64, i64, i64),
    deliveries: Vec<(String, i64)>,
    payers: Vec<Payer>,
    payments: Vec<(String, i64)>,
    folder: PathBuf,
}

/// Plays both nights; tells of each batch as it ends.
pub async fn play(definitions: &Path, folder: PathBuf, quiet: bool) -> Result<Demo, AppError> {
    let io = |what: &Path| {
        let what = what.display().to_string();
        move |error| AppError::Io { what, error }
    };
    for system in SYSTEMS {
        let drop = folder.join(system.name);
        fs::create_dir_all(&drop).map_err(io(&drop))?;
    }
    let notify = Notify::start(0, None, Some(&folder.join("notify-ledger.jsonl"))).await?;
    let pay = Pay::start(0, Some(&folder.join("pay-requests.jsonl"))).await?;
    let listening = listen().await?;
    let mut own = notify.variables();
    own.extend(pay.variables());
    own.insert("PUBLIC_URL".to_owned(), listening.url());
    for system in SYSTEMS {
        own.insert(system.variable.to_owned(), folder.join(system.name).display().to_string());
    }

    let url = format!("sqlite:{}", folder.join("viaduct.db").display());
    let mut context = Context::open(definitions, &url).await?;
    context.around = surroundings(own);
    let context = Arc::new(context);
    let pages = listening.serve(Arc::clone(&context) as Arc<dyn Desk>);
    let say = |text: &str| {
        if !quiet {
            print!("{text}");
            // Whoever reads along may have gone; the work goes on.
            let _ = std::io::stdout().flush();
        }
    };
    let council = Council::new(SEED, ACCOUNTS);
    let mut nights = Vec::new();
    for night in 1..=2 {
        say(&format!("\nNight {night}\n"));
        drop_files(&council, night, &folder)?;
        let mut batches = Vec::new();
        for job in context.jobs(Action::Ingest).filter(|job| is_played(&job.connector.value)) {
            let report = run::run_ingest(&context, job).await?;
            say(&report.text());
            batches.push(report);
        }
        for job in context.jobs(Action::Deliver).filter(|job| is_told(&job.connector.value)) {
            let sent = run::run_deliver(&context, job).await?;
            say(&format!("Sending · {}\n{}", job.name, sent.text()));
        }
        nights.push(json!({
            "night": night,
            "runs": batches.iter().map(RunReport::json).collect::<Vec<_>>(),
        }));
    }
    say("\nPayers, who open the links in their messages\n");
    let payers = payers::play(&context).await?;
    for payer in &payers {
        say(&payer.text());
    }
    for job in context.jobs(Action::Deliver).filter(|job| job.connector.value == "pay") {
        let sent = run::run_deliver(&context, job).await?;
        say(&format!("Asking how payments stand · {}\n{}", job.name, sent.text()));
    }
    let demo = Demo {
        nights,
        residents: residents::counts(&context.database).await?,
        deliveries: outbox::counts(&context.database).await?,
        payers,
        payments: outbox::counts_of_destination(&context.database, "pay").await?,
        folder,
    };
    pages.abort();
    context.database.close().await;
    notify.running.stop();
    pay.running.stop();
    Ok(demo)
}

/// The variables by which the definitions find the folders that files are dropped into.
pub fn drops(folder: &Path) -> impl Iterator<Item = (String, String)> {
    let drop = |system: &System| {
        (system.variable.to_owned(), folder.join(system.name).display().to_string())
    };
    SYSTEMS.iter().map(drop)
}

/// Whether this system has a part in the demonstration: the definitions name more.
fn is_played(connector: &str) -> bool {
    SYSTEMS.iter().any(|system| system.name == connector)
}

fn is_told(connector: &str) -> bool {
    ["notify", "pay"].contains(&connector)
}

/// A port of the demonstration's own, for the links.
async fn listen() -> Result<Listening, AppError> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let what = "payment links cannot be opened on 127.0.0.1".to_owned();
    Listening::on(any).await.map_err(|error| AppError::Io { what, error })
}

fn drop_files(council: &Council, night: u32, folder: &Path) -> Result<(), AppError> {
    for system in SYSTEMS {
        let file = system.file.replace('#', &night.to_string());
        let path = folder.join(system.name).join(file);
        let io = |error| AppError::Io { what: path.display().to_string(), error };
        let mut out = BufWriter::new(File::create(&path).map_err(io)?);
        (system.write)(council, night, &mut out).and_then(|_| out.flush()).map_err(io)?;
    }
    Ok(())
}

impl Demo {
    /// Everything, for machines.
    pub fn json(&self) -> Value {
        let (residents, accounts, parties) = self.residents;
        let of = |counts: &[(String, i64)]| -> serde_json::Map<String, Value> {
            counts.iter().map(|(state, count)| (state.clone(), json!(count))).collect()
        };
        let (deliveries, payments) = (of(&self.deliveries), of(&self.payments));
        json!({
            "nights": self.nights,
            "residents": residents,
            "accounts": accounts,
            "parties": parties,
            "deliveries": deliveries,
            "payers": self.payers.iter().map(Payer::json).collect::<Vec<_>>(),
            "payments": payments,
            "folder": self.folder,
        })
    }

    /// The last lines: what there is, and where to look next.
    pub fn text(&self) -> String {
        let (residents, accounts, parties) = self.residents;
        let folder = self.folder.display();
        format!(
            "\nResidents  {residents}, from {parties} parties on {accounts} accounts\n\
             Deliveries {}\n\
             Payments   {}\n\n\
             Where to look next\n  \
             viaduct demo --serve           the same, and then the screens: service health, causes, stories\n  \
             {folder}/viaduct.db            every table: batch, source_record, resident, change_event, delivery, dead_letter\n  \
             {folder}/notify-ledger.jsonl   what the platform accepted\n  \
             {folder}/pay-requests.jsonl    what was asked of the platform that takes payments\n  \
             {folder}/revenues/processed    the files, moved once they were safe\n  \
             mappings/                      what the systems' words mean; change one and run `viaduct test`\n  \
             docs/architecture.md           how a record becomes a message\n",
            states(&self.deliveries),
            states(&self.payments)
        )
    }
}

/// A folder of its own for each demonstration.
pub fn fresh_folder() -> PathBuf {
    let base = std::env::temp_dir();
    let unused = (1..).map(|number| base.join(format!("viaduct-demo-{number}")));
    let mut unused = unused.filter(|folder| !folder.exists());
    unused.next().unwrap_or(base)
}
