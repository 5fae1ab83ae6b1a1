//! What a format itself costs: its records cut out of a file and each read into a `Document`, without
//! the mapping and the database behind it. Started by `run`; prints `format cut_µs read_µs` a record.

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use viaduct::connector::definition;
use viaduct::connector::format::{Format, Raw, RecordSink, Stopped};
use viaduct::connector::kinds::KINDS;
use viaduct::definition::reader;
use viaduct::record::document::Document;

/// Reads every record into a document, or only counts them.
struct Reader<'f> {
    format: &'f dyn Format,
    reads: bool,
    document: Document,
    alone: Vec<u8>,
    records: u64,
}

impl RecordSink for Reader<'_> {
    fn record(&mut self, _: &str, raw: Raw<'_>) -> Result<(), Stopped> {
        self.records += 1;
        if self.reads {
            self.alone.clear();
            raw.write_alone(&mut self.alone);
            let text = std::str::from_utf8(&self.alone).expect("what was cut is text");
            self.format.read(text, &mut self.document).expect("the generator's records are sound");
        }
        Ok(())
    }

    fn unreadable(&mut self, code: &'static str, cause: String, _: Raw<'_>) -> Result<(), Stopped> {
        panic!("the generator's records are sound: {code} {cause}");
    }
}

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [definitions, files @ ..] = arguments.as_slice() else {
        eprintln!("reading DEFINITIONS FORMAT=FILE…: started by benches/formats/run");
        return;
    };
    for file in files {
        let (name, path) = file.split_once('=').expect("FORMAT=FILE");
        let [cut, read] = [false, true].map(|reads| once(definitions, name, path, reads));
        println!("{name} {cut:.3} {read:.3}");
    }
}

/// Microseconds a record.
fn once(definitions: &str, name: &str, path: &str, reads: bool) -> f64 {
    let relative = format!("connectors/{name}.toml");
    let text =
        std::fs::read_to_string(Path::new(definitions).join(&relative)).expect("a definition");
    let file = reader::File::parse(&relative, text);
    let read = definition::read(&file, name, KINDS).expect("a sound definition");
    let layout = read.settings.layout().expect("files have a layout");
    let mut reader = Reader {
        format: &*layout.format,
        reads,
        document: Document::default(),
        alone: Vec::new(),
        records: 0,
    };
    let mut input = File::open(path).expect("an extract");
    let began = Instant::now();
    layout.cut(&mut input, path, &mut reader).expect("the generator's extract is sound");
    began.elapsed().as_secs_f64() * 1e6 / reader.records as f64
}
