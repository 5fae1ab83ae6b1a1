//! A query that is judged by its form: what is good stays so in the brackets that we put around it, and
//! whatever is written behind it is seen.

use viaduct::connector::sql::form::judge;

pub fn queries(bytes: &[u8]) {
    let Ok(query) = std::str::from_utf8(bytes) else { return };
    match judge(query) {
        Ok(()) => {
            let wrapped = format!("SELECT q.a FROM (\n{query}\n) AS q");
            assert!(judge(&wrapped).is_ok(), "it breaks out of its brackets");
            for behind in ["x; DROP TABLE t", "x FOR UPDATE", "x) AS q", "x INTO OUTFILE 'x'"] {
                let longer = format!("{query}\n{behind}");
                assert!(judge(&longer).is_err(), "{behind} is not seen");
            }
        }
        Err(fault) => {
            let marked = query.get(fault.at.start..fault.at.end);
            assert!(marked.is_some(), "a fault has its place: {fault:?}");
        }
    }
}
