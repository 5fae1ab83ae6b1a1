//! What a newcomer is led to by `docs/adding-a-connector.md`: its code is this folder's, and it works.

mod parking;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::http::HeaderMap;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use viaduct::app::context::surroundings;
use viaduct::catalogue::load::load;
use viaduct::connector::format::{Raw, RecordSink, Stopped};

struct Kept(Arc<Mutex<Vec<String>>>);

impl RecordSink for Kept {
    fn record(&mut self, key: &str, _: Raw<'_>) -> Result<(), Stopped> {
        self.0.lock().unwrap().push(key.to_owned());
        Ok(())
    }

    fn unreadable(&mut self, code: &'static str, _: String, _: Raw<'_>) -> Result<(), Stopped> {
        self.0.lock().unwrap().push(code.to_owned());
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connector_is_one_folder_one_trait_and_one_line() {
    let permits = async |headers: HeaderMap| {
        assert_eq!(headers["authorization"], "Bearer an invented word");
        Json(json!({ "permits": [{ "permit": "P1" }, { "permit": "P2" }, { "zone": "A" }] }))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        axum::serve(listener, Router::new().route("/permits", get(permits))).await
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("connectors")).unwrap();
    let definition = "kind = \"parking\"\nsystem = \"parking\"\n[settings]\nurl = \"http://${PARKING_HOST}/permits\"\n\
                      allow = [\"${PARKING_HOST}\"]\nauth = { bearer = \"secret:PARKING_TOKEN\" }\n\
                      format = \"json\"\nrecord = \"/permits\"\nkey = \"permit\"\n";
    std::fs::write(folder.path().join("connectors/parking.toml"), definition).unwrap();
    let catalogue = load(folder.path(), &[parking::KIND]);
    let connector =
        catalogue.connectors.get("parking").unwrap_or_else(|| panic!("{}", catalogue.report()));
    let own = [("PARKING_HOST", host.as_str()), ("PARKING_TOKEN", "an invented word")];
    let around = surroundings(
        own.map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect::<HashMap<_, _>>(),
    );
    let source = connector.settings.source(&around).expect("a source").expect("it opens");
    let kept = Arc::default();
    let origin = source.look(None).await.unwrap().remove(0);
    let (_, end) = source.read(&origin, Box::new(Kept(Arc::clone(&kept)))).await;
    end.expect("it is read to its end");
    assert_eq!(*kept.lock().unwrap(), ["P1", "P2", ""]);
    serving.abort();
}

#[test]
fn the_page_for_newcomers_has_this_very_code() {
    let page = include_str!("../../../docs/adding-a-connector.md");
    let code = include_str!("parking.rs").replace("use viaduct::", "use crate::");
    assert!(page.contains(&format!("```rust\n{code}```")), "copy parking.rs into the page");
}
