//! Learns the shape of a source's records from its sample, with the same reader that will read the
//! real ones.

use crate::connector::format::layout::Layout;
use crate::connector::format::{CutError, Format, Raw, RecordSink, Stopped};
use crate::mapping::source_schema::SourceSchema;
use crate::record::document::Document;

/// A sample is a handful of records; more say nothing new.
const RECORDS_MAX: usize = 1_000;

/// The shape of every record in `sample`, a file of that name. The error is a sentence.
pub fn learn(layout: &Layout, name: &str, sample: &[u8]) -> Result<SourceSchema, String> {
    let format = &*layout.format;
    let mut learning =
        Learning { format, schema: SourceSchema::default(), records: 0, fault: None };
    let cut = layout.cut(&mut { sample }, name, &mut learning);
    match (cut, learning.fault) {
        (_, Some(fault)) => Err(fault),
        (Err(CutError::Format(error)), None) => Err(error.to_string()),
        (Err(CutError::Read(error)), None) => Err(error.to_string()),
        (Err(CutError::Stopped) | Ok(_), None) if learning.records == 0 => {
            Err("no record was found in it".to_owned())
        }
        (Err(CutError::Stopped) | Ok(_), None) => Ok(learning.schema),
    }
}

struct Learning<'f> {
    format: &'f dyn Format,
    schema: SourceSchema,
    records: usize,
    fault: Option<String>,
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
