//! Whether an answer in XML tells of a fault, whatever its status says.

use quick_xml::Reader;
use quick_xml::events::Event;

/// A root that is called after what went wrong, or a fault in an envelope.
pub fn is_told(text: &str) -> bool {
    let mut reader = Reader::from_str(text);
    let mut depth = 0;
    loop {
        let (element, opens) = match reader.read_event() {
            Ok(Event::Start(element)) => (element, 1),
            Ok(Event::Empty(element)) => (element, 0),
            Ok(Event::End(_)) => {
                depth -= 1;
                continue;
            }
            Ok(Event::Eof) | Err(_) => return false,
            Ok(_) => continue,
        };
        let name = element.local_name();
        let name: &str = name.as_ref();
        let name = name.to_lowercase();
        let wrong = match depth {
            0 => ["fault", "error", "errors", "exception"].contains(&name.as_str()),
            1 | 2 => name == "fault",
            _ => false,
        };
        if wrong {
            return true;
        }
        depth += opens;
    }
}
