//! Systems that are asked, each behind the same front or with faults of their own, by a hub on each database. Whatever
//! happens there: what the hub knew it knows, nobody is gone, somebody is told, and when it is over everything
//! is there.

use std::collections::BTreeSet;

use async_trait::async_trait;
use viaduct::app::context::surroundings;
use viaduct::sandbox::civica_openrevenues::{CivicaSandbox, PASSWORD, USER};
use viaduct::sandbox::council::Council;
use viaduct::sandbox::serving::Running;

use super::files::{Called, Dropped, Fetched, Queried};
use super::front::{Front, Manner};
use super::lists::{Lists, OLDER, USUAL};
use super::{CASES, Case};
use crate::connectors::verint::Crm;
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    by_http_as_json => super::http_poll,
    by_soap => super::soap_poll,
    openrevenues => super::openrevenues,
    verint => super::verint,
    files_here => super::file_drop,
    files_elsewhere => super::sftp_drop,
    a_database => super::sql,
    those_who_call_us => super::http_receive,
}

/// The kinds that are tried here, by the tests above.
pub const KINDS_ASKED: [&str; 8] = [
    "civica_openrevenues",
    "file_drop",
    "http_poll",
    "http_receive",
    "sftp_drop",
    "soap_poll",
    "sql",
    "verint",
];

async fn http_poll(on: On) {
    conforms(on, ByHttp::json().await).await;
}

async fn soap_poll(on: On) {
    conforms(on, ByHttp::soap().await).await;
}

async fn openrevenues(on: On) {
    conforms(on, ByHttp::openrevenues().await).await;
}

async fn verint(on: On) {
    conforms(on, ByHttp::verint().await).await;
}

async fn file_drop(on: On) {
    conforms(on, Dropped::open()).await;
}

async fn sftp_drop(on: On) {
    conforms(on, Fetched::open().await).await;
}

async fn sql(on: On) {
    conforms(on, Queried::open().await).await;
}

async fn http_receive(on: On) {
    conforms(on, Called::open()).await;
}

/// A system that is asked, and how it is made to misbehave.
#[async_trait]
pub trait Asked: Send {
    /// The job that asks it.
    fn job(&self) -> &'static str;

    /// Changes the definitions of a hub so that it is asked, and gives the variables that they name.
    fn define(&self, hub: &mut TestHub);

    /// It has its usual records, and behaves.
    async fn behave(&mut self, hub: &TestHub);

    /// It behaves as that case says; or why it cannot.
    async fn misbehave(&mut self, hub: &TestHub, case: Case) -> Result<(), &'static str>;

    /// Has the hub ask. What comes of it is a text where it was told that something is wrong.
    async fn ask(&mut self, hub: &TestHub) -> Option<String> {
        told(hub, self.job()).await
    }

    /// How often it was called, where that is counted.
    fn calls(&self) -> usize {
        0
    }
}

/// More calls than this for one question that is refused could lock us out.
const REFUSED_CALLS_MAX: usize = 4;

async fn conforms(on: On, mut system: impl Asked) {
    let mut hub = TestHub::open(on).await;
    system.define(&mut hub);
    hub.reload().await;
    hub.context.around = surroundings(hub.variables());
    system.behave(&hub).await;
    assert_eq!(system.ask(&hub).await, None);
    let usual = known(&hub, system.job()).await;
    assert!(usual.len() >= 2, "{usual:?}");
    for case in CASES {
        system.calls();
        if let Err(why) = system.misbehave(&hub, case).await {
            println!("{} {case:?}: {why}", system.job());
            continue;
        }
        let said = system.ask(&hub).await;
        let is_well = matches!(case, Case::Duplicate | Case::OutOfOrder | Case::ClockSkew);
        assert_eq!(said.is_none(), is_well, "{case:?}: {said:?}");
        if case == Case::Refused {
            let calls = system.calls();
            assert!(calls <= REFUSED_CALLS_MAX, "{calls} calls of one who is not let in");
        }
        assert_eq!(known(&hub, system.job()).await, usual, "{case:?}: {said:?}");
        system.behave(&hub).await;
        assert_eq!(system.ask(&hub).await, None, "{case:?}: it is well again");
        assert_eq!(known(&hub, system.job()).await, usual, "{case:?}");
    }
}

/// What a job's run tells of: an error, or why a batch or a row of it is held.
pub async fn told(hub: &TestHub, job: &str) -> Option<String> {
    let report = match hub.try_run(job).await {
        Err(error) => return Some(error),
        Ok(report) => report.json(),
    };
    let batches = report["batches"].as_array().unwrap();
    let wrong = batches.iter().find(|batch| {
        !matches!(batch["state"].as_str(), Some("closed" | "duplicate")) || batch["held"] != 0
    });
    wrong.map(ToString::to_string)
}

/// Everything that the hub has of that system: keys with what is known of each. Nobody of them may be gone.
async fn known(hub: &TestHub, job: &str) -> BTreeSet<String> {
    let source = hub.context.job(job).unwrap().connector.value.clone();
    let sql = format!(
        "SELECT k.key, a.facts, CASE WHEN k.gone_ms IS NULL THEN 'there' ELSE 'GONE' END FROM account a \
         JOIN source_key k ON k.id = a.id JOIN source s ON s.id = k.source_id WHERE s.name = '{source}'"
    );
    let rows = hub.rows(&sql).await;
    let said: BTreeSet<String> = rows.iter().map(|row| row.join(" ")).collect();
    assert_eq!(said.len(), rows.len(), "nothing is there twice");
    for row in &said {
        assert!(row.ends_with(" there") && !row.contains('\u{fffd}'), "{row}");
    }
    said
}

/// What is written for a system that has a list.
pub fn define_list(hub: &mut TestHub, name: &str, connector: &str) {
    let mapping = format!(
        "language = 1\nsource = \"{name}\"\n[account]\nkind = \"council_tax\"\n[account.fields]\n\
         \"reference\" = {{ from = \"ref\" }}\n\"balance\" = {{ from = \"owes\", as = {{ pence = \"decimal_pounds\" }} }}\n\
         [[party]]\nrole = \"liable\"\n[party.fields]\n\"name.family\" = {{ from = \"surname\" }}\n"
    );
    let job = format!("action = \"ingest\"\nconnector = \"{name}\"\nmapping = \"{name}\"\n");
    for (folder, text) in
        [("connectors", connector), ("mappings/inbound", mapping.as_str()), ("jobs", job.as_str())]
    {
        let file = if folder == "jobs" { format!("ingest-{name}") } else { name.to_owned() };
        std::fs::write(hub.definitions.join(folder).join(format!("{file}.toml")), text).unwrap();
    }
}

/// A system that is asked by HTTP, behind the front.
struct ByHttp {
    front: Front,
    system: System,
}

enum System {
    Json(Lists),
    Soap(Lists),
    OpenRevenues(
        CivicaSandbox,
        #[expect(dead_code, reason = "it serves as long as it is kept")] Running,
    ),
    Verint(#[expect(dead_code, reason = "it serves as long as it is kept")] Crm),
}

impl ByHttp {
    async fn json() -> ByHttp {
        let lists = Lists::open().await;
        ByHttp { front: Front::before(&lists.running.url).await, system: System::Json(lists) }
    }

    async fn soap() -> ByHttp {
        let lists = Lists::open().await;
        ByHttp { front: Front::before(&lists.running.url).await, system: System::Soap(lists) }
    }

    async fn openrevenues() -> ByHttp {
        let now = || chrono::Utc::now().timestamp_millis();
        let sandbox = CivicaSandbox::new(Council::new(7, 3), std::sync::Arc::new(now));
        let running = sandbox.serve(0).await.expect("a free port");
        let front = Front::before(&running.url).await;
        ByHttp { front, system: System::OpenRevenues(sandbox, running) }
    }

    async fn verint() -> ByHttp {
        let crm = Crm::open().await;
        ByHttp { front: Front::before(&crm.running.url).await, system: System::Verint(crm) }
    }

    fn lists(&self) -> Option<&Lists> {
        match &self.system {
            System::Json(lists) | System::Soap(lists) => Some(lists),
            System::OpenRevenues(..) | System::Verint(_) => None,
        }
    }
}

const NOW: &str = "it says what is so when it is asked: nothing older can come later";

#[async_trait]
impl Asked for ByHttp {
    fn job(&self) -> &'static str {
        match self.system {
            System::Json(_) => "ingest-listed",
            System::Soap(_) => "ingest-soaped",
            System::OpenRevenues(..) => "ingest-openrevenues",
            System::Verint(_) => "ingest-verint",
        }
    }

    fn define(&self, hub: &mut TestHub) {
        let (url, host) = (&self.front.running.url, self.front.host());
        let usual = format!(
            "allow = [\"{host}\"]\nextract = \"delta\"\nkey = \"ref\"\nversion = \"changed_at\"\n\
             version_as = \"time\"\npaging = \"none\"\ntimeout_ms = 3_000\nrequests_per_second = 1_000\n"
        );
        match &self.system {
            System::Json(_) => {
                let text = format!(
                    "kind = \"http_poll\"\nsystem = \"listed\"\n[settings]\nurl = \"{url}/list\"\n\
                     format = \"json\"\nrecord = \"/items\"\n{usual}"
                );
                define_list(hub, "listed", &text);
            }
            System::Soap(_) => {
                let text = format!(
                    "kind = \"soap_poll\"\nsystem = \"soaped\"\n[settings]\nurl = \"{url}/soap\"\n\
                     action = \"urn:list#List\"\nbody = '<m:List xmlns:m=\"urn:list\"/>'\n\
                     reply = \"ListResponse\"\nformat = \"xml\"\n\
                     record = \"/Envelope/Body/ListResponse/row\"\n{usual}"
                );
                define_list(hub, "soaped", &text);
            }
            System::OpenRevenues(sandbox, _) => {
                let drop = hub.drop_folder("openrevenues");
                std::fs::create_dir_all(&drop).unwrap();
                let fast = "people_per_poll = 500\n";
                let faster = format!("{fast}requests_per_second = 10_000\ntimeout_ms = 3_000\n");
                hub.edit("connectors/openrevenues.toml", fast, &faster);
                hub.more = [
                    ("OPENREVENUES_URL", format!("{url}/openrevenues")),
                    ("OPENREVENUES_HOST", host.to_owned()),
                    ("OPENREVENUES_USER", USER.to_owned()),
                    ("OPENREVENUES_PASSWORD", PASSWORD.to_owned()),
                    ("OPENREVENUES_PEOPLE", drop.display().to_string()),
                ]
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec();
                let rows =
                    sandbox.people().into_iter().map(|(who, what)| format!("{who},{what}\n"));
                let list: String =
                    std::iter::once("person_ref,account_ref\n".to_owned()).chain(rows).collect();
                hub.drop_file("openrevenues", "people-1.csv", list.as_bytes());
            }
            System::Verint(_) => {
                let since = "since_start = \"2026-04-01\"";
                let fast = "since_start = \"2020-01-01\"\nrequests_per_second = 10_000\ntimeout_ms = 3_000";
                hub.edit("connectors/verint.toml", since, fast);
                hub.more = Crm::variables(url);
            }
        }
    }

    async fn behave(&mut self, _: &TestHub) {
        self.front.behave(Manner::Honest);
        if let Some(lists) = self.lists() {
            lists.say(&USUAL);
        }
    }

    async fn misbehave(&mut self, _: &TestHub, case: Case) -> Result<(), &'static str> {
        self.front.behave(match case {
            Case::Duplicate => Manner::Honest,
            Case::OutOfOrder => {
                self.lists().ok_or(NOW)?.say(&OLDER);
                Manner::Honest
            }
            Case::Half => Manner::Half,
            Case::Refused => Manner::Says(401, "<html>Who are you?</html>"),
            Case::TooMany => Manner::Says(429, "<html>Not so fast</html>"),
            Case::Silent => Manner::Swallows,
            Case::Oversized => Manner::Endless,
            Case::WrongEncoding => Manner::Torn,
            Case::ClockSkew => Manner::Skewed,
            Case::Drift => Manner::Says(200, "<html><body>We have a new look!</body></html>"),
        });
        Ok(())
    }

    fn calls(&self) -> usize {
        self.front.calls()
    }
}
