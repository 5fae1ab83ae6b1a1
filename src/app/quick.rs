//! Temporary: a first run before the catalogue is there.
use std::path::Path;
use std::sync::Arc;
use crate::app::clock::MachineClock;
use crate::connector::channel::Source;
use crate::connector::file_drop::{FileDrop, FileDropSettings};
use crate::definition::reader::File;
use crate::job::ingest::{Bench, Ingest, Watch, ingest};
use crate::job::resolve::Rules;
use crate::mapping::code_list::CodeLists;
use crate::mapping::inbound::Inbound;
use crate::record::schema;
use crate::resolution::policy::Policy;
use crate::store::{database::Database, ids::Ids, outbox};

pub async fn run(url: &str, root: &str, connector: &str, mapping: &str, dir: &str) {
    let root = Path::new(root);
    let file = File::load(root, &format!("connectors/{connector}.toml")).unwrap();
    let table = file.root();
    let limits = table.table("limits");
    let settings = FileDropSettings::read(table.table("settings").unwrap(), limits.as_ref()).unwrap();
    let drop = FileDrop::open(&settings, std::path::Path::new(dir)).unwrap();
    let source: Arc<dyn Source> = Arc::new(drop);
    let mut codes = CodeLists::default();
    for name in crate::definition::reader::list_files(root, "mappings/codes", "csv") {
        let text = std::fs::read_to_string(root.join(&name)).unwrap();
        let key = name.strip_prefix("mappings/").unwrap_or(&name).to_owned();
        let faults = codes.add(&key, &name, &text);
        assert!(faults.is_empty(), "{faults:?}");
    }
    let file = File::load(root, &format!("mappings/inbound/{mapping}.toml")).unwrap();
    let map = crate::mapping::read::inbound(&file, mapping, &codes).unwrap();
    for d in file.into_diagnostics() { eprintln!("{d:?}"); }
    let inbound = Inbound::new(&map, &|p| source.format().namespace(p).map(str::to_owned));
    let exact = vec![["nino", "birth_date", "name.family"].iter().map(|n| schema::party_id(n).unwrap()).collect()];
    let rules = Arc::new(Rules { inbound, outbound: vec![], policy: Policy { exact, prefer: vec![] }, chunk: 500 });
    let database = Database::open(url).await.unwrap();
    outbox::make_hub_mark(&database, "abcd").await.unwrap();
    let job = Ingest { job: "x".into(), source_name: connector.into(), source, rules, first_load_sends: false, keep_percent: 80, chunk: 500 };
    let mut bench = Bench { database: database.clone(), clock: Arc::new(MachineClock), ids: Ids::new(), watch: Arc::new(Watch::default()) };
    let done = ingest(&job, &mut bench).await.unwrap();
    for b in done { println!("{b:?}"); }
    database.close().await;
}
