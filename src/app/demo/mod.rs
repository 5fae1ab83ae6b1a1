//! `viaduct demo`: three systems' first night, then the second, beside those that are asked; then some payers,
//! of whom the platform calls us. All of it against the sandboxes. Ends by itself.

mod payers;
pub mod serve;
mod stage;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use self::payers::Payer;
use self::stage::{CALLS, NIGHTS, Stage, is_told};
use super::api::Api;
use super::context::{AppError, Context, surroundings};
use super::inbox::FrontDesk;
use super::report::{RunReport, states};
use super::run;
use super::worker::Doorbell;
use crate::job::definition::Action;
use crate::store::queue::QueuePool;
use crate::store::{inbox, outbox, residents};
use crate::web::inbound::Reception;
use crate::web::pay::Desk;
use crate::web::server::Listening;

/// What the demonstration saw.
pub struct Demo {
    nights: Vec<Value>,
    residents: (i64, i64, i64),
    deliveries: Vec<(String, i64)>,
    payers: Vec<Payer>,
    /// How often the platform for payments called.
    calls: i64,
    payments: Vec<(String, i64)>,
    /// What was written on cases of the CRM.
    notes: Vec<(String, i64)>,
    folder: PathBuf,
    /// The systems are there for as long as this is kept.
    stage: Stage,
}

/// Plays both nights; tells of each batch as it ends.
pub async fn play(definitions: &Path, folder: PathBuf, quiet: bool) -> Result<Demo, AppError> {
    let listening = listen().await?;
    let stage = Stage::set(&folder, &listening.url()).await?;
    let mut own = stage.variables();
    own.insert("PUBLIC_URL".to_owned(), listening.url());
    let url = format!("sqlite:{}", folder.join("viaduct.db").display());
    let mut context = Context::open(definitions, &url).await?;
    context.around = surroundings(own);
    context.around.listening.push(listening.address);
    let context = Arc::new(context);
    let doorbell = Doorbell::open(QueuePool::open(&context.database).await?).await?;
    let front_desk = Arc::new(FrontDesk::open(&context, &tokio::runtime::Handle::current()));
    let pages = listening.serve_with_api(
        Arc::clone(&context) as Arc<dyn Desk>,
        Arc::new(Api::new(Arc::clone(&context), doorbell)),
        Arc::clone(&front_desk) as Arc<dyn Reception>,
        Vec::new(),
    );
    let say = |text: &str| {
        if !quiet {
            print!("{text}");
            // Whoever reads along may have gone; the work goes on.
            let _ = std::io::stdout().flush();
        }
    };
    let mut nights = Vec::new();
    for night in 1..=NIGHTS {
        say(&format!("\nNight {night}\n"));
        stage.night_falls(night)?;
        let mut batches = Vec::new();
        for job in stage::in_turn(context.jobs(Action::Ingest)) {
            let report = run::run_ingest(&context, job).await?;
            say(&format!("Reading · {}\n{}", job.name, report.text()));
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
    stage.pay.sandbox.deliver_webhooks().await;
    let calls = inbox::count(&context.database, CALLS).await?;
    say(&format!(
        "The platform called {calls} times to say that something happened to a payment\n"
    ));
    for job in context.jobs(Action::Deliver).filter(|job| job.connector.value == "pay") {
        let sent = run::run_deliver(&context, job).await?;
        say(&format!("Asking how payments stand · {}\n{}", job.name, sent.text()));
    }
    let demo = Demo {
        nights,
        residents: residents::counts(&context.database).await?,
        deliveries: outbox::counts(&context.database).await?,
        payers,
        calls,
        payments: outbox::counts_of_destination(&context.database, "pay").await?,
        notes: outbox::counts_of_destination(&context.database, "verint").await?,
        folder,
        stage,
    };
    pages.abort();
    front_desk.end().await;
    context.database.close().await;
    Ok(demo)
}

/// A port of the demonstration's own, for the links and for who calls us.
async fn listen() -> Result<Listening, AppError> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let what = "nothing can be listened on at 127.0.0.1".to_owned();
    Listening::on(any).await.map_err(|error| AppError::Io { what, error })
}

impl Demo {
    /// Everything, for machines.
    pub fn json(&self) -> Value {
        let (residents, accounts, parties) = self.residents;
        let of = |counts: &[(String, i64)]| -> serde_json::Map<String, Value> {
            counts.iter().map(|(state, count)| (state.clone(), json!(count))).collect()
        };
        let (deliveries, payments) = (of(&self.deliveries), of(&self.payments));
        let notes = of(&self.notes);
        json!({
            "nights": self.nights,
            "residents": residents,
            "accounts": accounts,
            "parties": parties,
            "deliveries": deliveries,
            "payers": self.payers.iter().map(Payer::json).collect::<Vec<_>>(),
            "calls": self.calls,
            "payments": payments,
            "case_notes": notes,
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
             Payments   {}, {} calls about them\n\
             Case notes {}\n\n\
             Where to look next\n  \
             viaduct demo --serve           the same, and then the screens: service health, causes, stories\n  \
             {folder}/viaduct.db            every table: batch, source_record, resident, change_event, delivery, dead_letter\n  \
             {folder}/notify-ledger.jsonl   what the platform accepted\n  \
             {folder}/pay-requests.jsonl    what was asked of the platform that takes payments\n  \
             {folder}/crm-written.jsonl     what was written in the CRM\n  \
             {folder}/revenues/processed    the files, moved once they were safe\n  \
             mappings/                      what the systems' words mean; change one and run `viaduct test`\n  \
             docs/architecture.md           how a record becomes a message\n",
            states(&self.deliveries),
            states(&self.payments),
            self.calls,
            states(&self.notes)
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
