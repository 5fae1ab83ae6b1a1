//! Keys as they are made, kept and revoked; and the real program, which does not listen to the world before
//! there is one.

use std::process::{Command, Stdio};

use serde_json::Value;
use viaduct::access::actor::Actor;
use viaduct::access::scope::{Allowed, Scope};
use viaduct::app::keys::{self, New};

use crate::sandbox::bench::client;
use crate::serve::{program, read_until, stop};
use crate::support::hub::{On, TestHub, everything, on_both};

on_both! {
    a_key_is_told_once_and_never_kept => super::told_once,
    a_name_has_two_live_keys_at_most => super::two_live,
    the_world_is_not_listened_to_before_there_is_a_key => super::world,
}

fn viaduct(hub: &TestHub, words: &[&str]) -> (i32, String, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_viaduct"))
        .args(["--database", &hub.url, "--definitions"])
        .arg(&hub.definitions)
        .args(words)
        .envs(hub.variables())
        .env("VIADUCT_LOG", "trace")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.code().unwrap(), text(&done.stdout), text(&done.stderr))
}

async fn told_once(on: On) {
    let hub = TestHub::open(on).await;
    let add = ["--json", "keys", "add", "crm", "--scope", "read,act", "--network", "10.1.2.3/16"];
    let (code, out, err) = viaduct(&hub, &add);
    assert_eq!(code, 0, "{err}");
    let made: Value = serde_json::from_str(&out).unwrap();
    let key = made["secret"].as_str().unwrap();
    assert!(key.starts_with(&format!("hub_live_{}_", made["key"])), "{made}");
    let secret = &key[key.len() - 50..key.len() - 7];
    assert!(!err.contains(secret), "the log has it");
    let held = everything(&hub.context.database, |_| false).await;
    let kept = format!("{held:?}");
    assert!(kept.contains("10.1.0.0/16") && !kept.contains(secret), "the database has it");
    for words in [["keys", "list"], ["audit", "--json"]] {
        let (_, out, err) = viaduct(&hub, &words);
        assert!(out.contains("crm") && !out.contains(secret) && !err.contains(secret), "{out}");
    }
    // A key that is typed where a name should stand is not repeated either.
    let (code, out, err) = viaduct(&hub, &["keys", "revoke", key]);
    assert_eq!(code, 1);
    assert!(!out.contains(secret) && !err.contains(secret), "{err}");
    let id = made["key"].to_string();
    let (code, out, _) = viaduct(&hub, &["keys", "revoke", &id]);
    assert!(code == 0 && out.contains("No keys are left"), "{out}");
    let (_, out, _) = viaduct(&hub, &["keys", "list"]);
    assert!(out.contains("revoked"), "{out}");
    for wrong in [
        ["keys", "add", "CRM", "--scope", "read"],
        ["keys", "add", "crm", "--scope", "everything"],
        ["keys", "add", "crm", "--expires", "366"],
    ] {
        assert_eq!(viaduct(&hub, &wrong).0, 2, "{wrong:?}");
    }
    let lines = hub.rows("SELECT action, target, actor FROM audit ORDER BY id").await;
    let target = format!("key {id}");
    assert_eq!((lines[0][0].as_str(), &lines[0][1]), ("added", &target));
    assert_eq!((lines[1][0].as_str(), &lines[1][1]), ("revoked", &target));
    assert!(lines.len() == 2 && lines.iter().all(|line| line[2].starts_with("user:")), "{lines:?}");
}

async fn two_live(on: On) {
    let hub = TestHub::open(on).await;
    let database = &hub.context.database;
    let me = Actor::user("kim");
    let new = New {
        name: "crm".to_owned(),
        scope: vec![Allowed::Scope(Scope::Read)],
        network: vec![],
        expires: 10,
        owner: None,
        environment: "live".to_owned(),
    };
    // At once: the rule holds however many are made in one moment.
    let at_once = futures_util::future::join_all((0..6).map(|_| keys::add(database, &new, &me, 0)));
    let made: Vec<_> = at_once.await.into_iter().filter_map(Result::ok).collect();
    assert_eq!(made.len(), 2);
    let third = keys::add(database, &new, &me, 1).await.unwrap_err().to_string();
    assert!(third.contains("2 live keys already") && third.contains("keys revoke"), "{third}");
    assert_eq!(hub.text("SELECT CAST(COUNT(*) AS TEXT) FROM audit").await, "2");
    let other = New { name: "erp".to_owned(), ..new.clone() };
    keys::add(database, &other, &me, 1).await.expect("another name has its own");
    keys::revoke(database, &made[0].0["key"].to_string(), &me, 2).await.unwrap();
    keys::add(database, &new, &me, 3).await.expect("in the place of the one that was revoked");
    assert!(keys::add(database, &new, &me, 4).await.is_err());
    let day_ms = 24 * 3_600_000;
    keys::add(database, &new, &me, 11 * day_ms).await.expect("the others are over");
    let (all, _) = keys::list(database, 11 * day_ms).await.unwrap();
    let mut states: Vec<&str> =
        all.as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap()).collect();
    states.sort_unstable();
    assert_eq!(states, ["expired", "expired", "expired", "live", "revoked"]);
    assert_eq!(
        keys::revoke(database, "crm", &me, 12).await.unwrap().0["revoked"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

async fn world(on: On) {
    let hub = TestHub::open(on).await;
    let mut refused = program(&hub, "0.0.0.0:0");
    let said = read_until(&mut refused, "error:").await;
    assert!(said.contains("no key") && said.contains("viaduct keys add"), "{said}");
    assert_eq!(refused.wait().await.unwrap().code(), Some(1));
    let (_, out, _) = viaduct(&hub, &["--json", "keys", "add", "crm", "--scope", "read"]);
    let made: Value = serde_json::from_str(&out).unwrap();
    let key = made["secret"].as_str().unwrap();
    let mut child = program(&hub, "0.0.0.0:0");
    let said = read_until(&mut child, "the API answers on").await;
    let line = said.lines().find(|line| line.contains("the API answers on")).unwrap();
    let url = line.rsplit(' ').next().unwrap().replace("0.0.0.0", "127.0.0.1");
    let without = client().get(format!("{url}/jobs")).send().await.unwrap();
    assert_eq!(without.status(), 401);
    let asked = format!("{url}/deliveries?code=zqsecret");
    let with = client().get(asked).bearer_auth(key).send().await.unwrap();
    assert_eq!(with.status(), 200);
    let request = with.headers()["x-request-id"].to_str().unwrap().to_owned();
    // What the log has of it: the route, not the words; the key's number, not the key.
    let said = read_until(&mut child, "http.status=200").await;
    let line = said.lines().find(|line| line.contains("http.status=200")).unwrap();
    for part in [
        "http.method=GET".to_owned(),
        "http.route=/api/v1/deliveries".to_owned(),
        format!("key.id={}", made["key"]),
        format!("request.id={request}"),
        "duration_ms=".to_owned(),
    ] {
        assert!(line.contains(&part), "{part}: {line}");
    }
    assert!(said.contains("http.status=401"), "{said}");
    assert!(!said.contains("zqsecret") && !said.contains(&key[15..40]), "{said}");
    stop(child).await;
}
