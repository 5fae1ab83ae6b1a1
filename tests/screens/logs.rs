//! What the program's log has of the screens: routes, statuses and people of the council; nothing of what was
//! typed, shown or searched for, and nothing that opens anything.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use viaduct::access::code::Seed;
use viaduct::app::clock::MachineClock;
use viaduct::job::clock::Clock;

use super::{PASSWORD, form, seen, worked};
use crate::sandbox::bench::client;
use crate::support::hub::On;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b76_b77_what_is_typed_and_shown_stands_in_no_log() {
    let (hub, _) = worked(On::Sqlite).await;
    let order = hub.text("SELECT CAST(MAX(id) AS TEXT) FROM source_record").await;
    let key = hub.text(&format!("SELECT key FROM source_record WHERE id = {order}")).await;
    let invite = ["users", "invite", "kim.bramble", "--role", "support-lead,governance"];
    let output = crate::bulk::program(&hub, &invite).output().await.unwrap();
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let link = made["link"].as_str().unwrap().to_owned();
    let invitation = link.rsplit('/').next().unwrap().to_owned();
    let mut child = crate::bulk::program(&hub, &["serve", "--listen", "127.0.0.1:0"])
        .env("VIADUCT_LOG", "viaduct=trace,info")
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let url = loop {
        let line = lines.next_line().await.unwrap().expect("the screens come up");
        if let Some((_, url)) = line.split_once("the screens are on ") {
            break url.trim().to_owned();
        }
    };
    let reading = tokio::spawn(async move {
        let mut said = String::new();
        while let Ok(Some(line)) = lines.next_line().await {
            assert!(line.len() <= 8_192, "a line is too long");
            said.push_str(&line);
            said.push('\n');
        }
        said
    });
    let get = async |path: &str, cookie: &str| {
        seen(client().get(format!("{url}{path}")).header("Cookie", cookie)).await
    };
    let post = async |path: &str, cookie: &str, fields: &[(&str, &str)]| {
        let request = client().post(format!("{url}{path}")).header("Cookie", cookie);
        let request = request.header("Origin", &url);
        let kind = "application/x-www-form-urlencoded";
        seen(request.header("Content-Type", kind).body(form(fields))).await
    };
    let page = get(&format!("/invitation/{invitation}"), "").await;
    let seed = page.text.split("<span class=\"v-code\">").nth(1).unwrap();
    let seed: String = seed.split('<').next().unwrap().replace(' ', "");
    let app = Seed::from_base32(&seed, "kim.bramble").unwrap();
    let now_ms = MachineClock.now_ms();
    let fields = [("password", PASSWORD), ("again", PASSWORD), ("code", &app.code(now_ms))];
    assert_eq!(post(&format!("/invitation/{invitation}"), "", &fields).await.status, 303);
    let wicked = "kim\nlevel=ERROR message=\"all is lost\"\u{1b}[2J";
    assert_eq!(
        post(
            "/sign-in",
            "",
            &[("name", wicked), ("password", "zq-typed-wrong"), ("code", "123456")]
        )
        .await
        .status,
        401
    );
    // The code after the one that set it up: it is taken a step early.
    let code = app.code(now_ms + 30_000);
    let signed =
        post("/sign-in", "", &[("name", "kim.bramble"), ("password", PASSWORD), ("code", &code)])
            .await;
    assert_eq!(signed.status, 303, "{}", signed.text);
    let cookie = signed.header("set-cookie").split(';').next().unwrap().to_owned();
    let account = get("/account", &cookie).await;
    let token = account
        .text
        .split("name=\"token\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(post("/find", &cookie, &[("token", &token), ("key", &key)]).await.status, 303);
    let show = format!("/work-orders/{order}/show");
    let reason = "zq-the-reason-that-was-typed";
    assert_eq!(post(&show, &cookie, &[("token", &token), ("reason", reason)]).await.status, 303);
    let shown = get(&format!("/work-orders/{order}"), &cookie).await;
    assert!(shown.has(&key), "the control: it was shown");
    for path in [
        "/",
        "/causes",
        "/audit",
        "/audit/verify",
        "/work-orders?source=zq-in-the-query",
        "/none?zq-in-the-query",
        "/work-orders?after=zq-in-the-query",
    ] {
        let _ = get(path, &cookie).await;
    }
    crate::serve::stop(child).await;
    let said = reading.await.unwrap();
    assert!(
        said.contains("http.route=/work-orders/{id}"),
        "the control: requests are in it\n{said}"
    );
    assert!(said.contains("actor=staff:kim.bramble"), "{said}");
    let secret = cookie.split('=').nth(1).unwrap();
    for gone in [
        &key,
        PASSWORD,
        "zq-typed-wrong",
        "zq-in-the-query",
        reason,
        secret,
        &token,
        &invitation,
        &seed,
        &code,
        "all is lost",
        "\u{1b}",
        "Testberry",
    ] {
        assert!(!said.contains(gone), "the log has {gone}:\n{said}");
    }
}
