//! Learns the shape of a source's records from its sample, with the same reader that will read the
//! real ones.

use crate::connector::format::layout::Layout;
use crate::connector::format::{CutError, Format, Raw, RecordSink, Stopped, Total, sum};
use crate::mapping::source_schema::SourceSchema;
use crate::record::document::Document;

/// A sample is a handful of records; more say nothing new.
const RECORDS_MAX: usize = 1_000;

/// What a sample says of its source.
pub struct Learnt {
    pub schema: SourceSchema,
    /// What it declares of itself; nothing where it was not read to its end.
    pub totals: Vec<Total>,
    /// Types of line that its connector names and that no record of it has; nothing where it was not
    /// read to its end.
    pub unseen: Vec<String>,
}

/// Why a sample cannot be used.
pub struct Unusable {
    /// A sentence.
    pub what: String,
    /// Where it is not the records that are to be mended.
    pub help: Option<&'static str>,
}

/// Amounts that cannot be read are seldom the sample's fault.
const HELP_AMOUNTS: &str = "say in that sum's `as` how the records write their amounts, and in \
                            `declared_as` how the extract writes its own, where that differs";

impl Unusable {
    /// A fault of the file or its records.
    pub fn records(what: String) -> Unusable {
        Unusable { what, help: None }
    }
}

/// The shape of every record in `sample`, a file of that name.
pub fn learn(layout: &Layout, name: &str, sample: &[u8]) -> Result<Learnt, Unusable> {
    let format = &*layout.format;
    let unseen = format.parts().into_iter().map(str::to_owned).collect();
    let mut learning =
        Learning { format, schema: SourceSchema::default(), records: 0, fault: None, unseen };
    let cut = layout.cut(&mut { sample }, name, &mut learning);
    match (cut, learning.fault) {
        (_, Some(fault)) => Err(Unusable::records(fault)),
        (Err(CutError::Format(error)), None) => {
            let help = (error.code == sum::UNSURE).then_some(HELP_AMOUNTS);
            Err(Unusable { what: error.to_string(), help })
        }
        (Err(CutError::Read(error)), None) => Err(Unusable::records(error.to_string())),
        (Err(CutError::Stopped) | Ok(_), None) if learning.records == 0 => {
            Err(Unusable::records("no record was found in it".to_owned()))
        }
        (Err(CutError::Stopped), None) => {
            Ok(Learnt { schema: learning.schema, totals: Vec::new(), unseen: Vec::new() })
        }
        (Ok(end), None) => {
            let Learning { schema, unseen, .. } = learning;
            Ok(Learnt { schema, totals: end.totals, unseen })
        }
    }
}

struct Learning<'f> {
    format: &'f dyn Format,
    schema: SourceSchema,
    records: usize,
    fault: Option<String>,
    unseen: Vec<String>,
}

impl RecordSink for Learning<'_> {
    fn record(&mut self, _key: &str, raw: Raw<'_>) -> Result<(), Stopped> {
        let mut alone = Vec::new();
        raw.write_alone(&mut alone);
        let text = String::from_utf8_lossy(&alone);
        let mut record = Document::default();
        if let Err(error) = self.format.read(&text, &mut record) {
            self.fault = Some(error.to_string());
            return Err(Stopped);
        }
        self.schema.add(&record);
        if !self.unseen.is_empty() {
            let seen = self.format.parts_in(&text);
            self.unseen.retain(|part| !seen.contains(&part.as_str()));
        }
        self.records += 1;
        if self.records == RECORDS_MAX { Err(Stopped) } else { Ok(()) }
    }

    fn unreadable(
        &mut self,
        code: &'static str,
        cause: String,
        _raw: Raw<'_>,
    ) -> Result<(), Stopped> {
        self.fault = Some(format!("a record cannot be read ({code}): {cause}"));
        Err(Stopped)
    }
}
