//! The screens in a browser, which `scripts/browser` installs: each page in its states is looked at by axe-core and
//! under its own security policy, at 320 pixels, and has its picture taken; people's journeys are walked by keyboard
//! alone, and without JavaScript. `VIADUCT_SCREENS=write` puts the pictures into `docs/screens`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;
use viaduct::access::right::Role;
use viaduct::app::context::surroundings;
use viaduct::record::moment::Moment;
use viaduct::store::{nodes, traffic};

use super::break_glass::{made, opened};
use super::nodes::{lease, node};
use super::traffic::count;
use super::{PASSWORD, Person, Served, hold, worked};
use crate::support::hub::{On, TestHub};

/// Long enough for a busy machine.
const DEADLINE: Duration = Duration::from_secs(540);
/// Files from the repository's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub async fn look(script: &str, plan: &Value) -> Value {
    let tools = root().join(".browser/node_modules/puppeteer-core");
    assert!(tools.exists(), "the browser is not there: run scripts/browser, as scripts/test does");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    std::fs::write(&file, plan.to_string()).unwrap();
    let child = Command::new("node")
        .arg(root().join("tests/screens/browser").join(script))
        .arg(&file)
        .env("HOME", folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node");
    let done = tokio::time::timeout(DEADLINE, child.wait_with_output()).await;
    let output = done.expect("the browser never came to its end").unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let json: Value = serde_json::from_str(&said).unwrap_or_else(|_| {
        panic!("{script} failed: {said}\n{}", String::from_utf8_lossy(&output.stderr))
    });
    let faults: Vec<&str> =
        json["faults"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(faults.is_empty(), "{script}:\n{}", faults.join("\n"));
    json["seen"].clone()
}

pub fn pictures(folder: &Path) -> PathBuf {
    match std::env::var("VIADUCT_SCREENS").as_deref() {
        Ok("write") => root().join("docs/screens"),
        _ => folder.to_owned(),
    }
}

pub fn page(name: &str, path: &str, status: u16, person: &Person) -> Value {
    json!({ "name": name, "path": path, "status": status, "cookie": person.cookie })
}

/// With something of everything: rows and a file that are held, messages that were refused, and two of which
/// nobody knows.
async fn full() -> (Served, i64) {
    let (mut hub, short) = worked(On::Sqlite).await;
    // People may sign in with the council's own account, whose provider nobody asks here.
    let provider = "issuer = \"https://login.example.com/t\"\nclient = \"viaduct\"\nsecret = \"secret:SIGN_IN\"\n\
                    called = \"Use your council account\"\n\
                    address = \"https://hub.example.gov.uk\"\n[roles]\nsupport = \"Viaduct.Support\"\n";
    std::fs::write(hub.definitions.join("sign_in.toml"), provider).unwrap();
    hub.more.push(("SIGN_IN".to_owned(), "nobody asks".to_owned()));
    hub.context.around = surroundings(hub.variables());
    hub.reload().await;
    let served = Served::of(hub).await;
    hold(served.database(), 500_001, 7).await;
    let mut transaction = served.database().begin().await.unwrap();
    let now_ms = served.now_ms();
    for sql in [
        format!("UPDATE delivery SET since_ms = {now_ms} - 7200000, created_ms = {now_ms} - 7300000, next_ms = 0, batch_id = {short}"),
        format!("UPDATE delivery_message SET batch_id = {short}"),
        "UPDATE delivery SET cause_code = 'delivery.unknown', cause = 'no answer came within 30 seconds, and the platform cannot be asked' WHERE id > 500005".to_owned(),
        "UPDATE delivery SET cause = 'the address is not one that the platform takes' WHERE id <= 500005".to_owned(),
        format!("INSERT INTO delivery_attempt (delivery_id, attempt, intent_ms, ended_ms, outcome, cause) SELECT id, 1, {now_ms} - 7205000, {now_ms} - 7200000, 'refused', 'the address is not one that the platform takes' FROM delivery"),
    ] {
        transaction.execute(&sql, vec![]).await.unwrap();
    }
    transaction.commit().await.unwrap();
    drawn(&served).await;
    (served, short)
}

/// A day with its figures; a node that works, one that is dead, and what both have in hand; and a system that is left
/// alone.
async fn drawn(served: &Served) {
    let now_ms = served.now_ms();
    for hour in 0..24 {
        let sent = 40 * ((hour * 7) % 24) + 3;
        let (failed, held) = (i64::from(hour % 9 == 0), i64::from(hour % 5 == 0) * 3);
        count(served, "notify", (sent, failed, held), now_ms - hour * 3_600_000).await;
    }
    let waits = [("notify".to_owned(), 720_000)];
    traffic::waited(served.database(), &waits, now_ms).await.unwrap();
    let (here, dead) = ("hub-1.example.gov.uk:4711:88", "hub-2.example.gov.uk:907:12");
    // Not dead before the browser comes to it.
    node(served, here, -1_800_000).await;
    node(served, dead, 12 * 60_000).await;
    let drained = "hub-3.example.gov.uk:12:9";
    node(served, drained, -1_800_000).await;
    let said = (true, "staff:kim.bramble", "The machine is patched tonight");
    nodes::turn(served.database(), drained, said, now_ms - 120_000).await.unwrap();
    lease(served, "deliver:notify", here, 17_000).await;
    lease(served, "ingest", here, 14_000).await;
    lease(served, "deliver:pay", dead, 9_000).await;
    let mut transaction = served.database().begin().await.unwrap();
    let sql = format!(
        "INSERT INTO destination (name, circuit, cause, failures, opened, opened_ms, probe_ms, permits, filled_ms, day, \
         emails, texts, letters) VALUES ('verint', 'open', 'it answered 503: come back later', 5, 2, {}, {}, 0, 0, 0, 0, 0, 0)",
        now_ms - 240_000,
        now_ms + 120_000,
    );
    transaction.execute(&sql, vec![]).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_accessible_narrow_and_within_its_policy() {
    let folder = tempfile::tempdir().unwrap();
    let (served, short) = full().await;
    let roles = [Role::SupportLead, Role::Governance, Role::Administrator];
    let kim = served.person("kim.bramble", &roles).await;
    let nobody = Person::default();
    served.hire("sam.fakeley", &[Role::Support], "revenues").await;
    let pause = [("reason", "The platform is being upgraded until noon")];
    assert_eq!(served.post("/destinations/pay/pause", &kim, &pause).await.status, 303);
    let held = served.hub.text("SELECT CAST(MIN(record_id) AS TEXT) FROM dead_letter").await;
    let done = served.hub.text("SELECT CAST(MAX(id) AS TEXT) FROM source_record").await;
    let looked =
        served.post("/bulk", &kim, &[("code", "notify.refused"), ("action", "release")]).await;
    let proposed = looked.header("location").to_owned();
    let asked = asked_for(&served).await;
    let file = served.post("/downloads", &kim, &[("what", "work-orders"), ("state", "held")]).await;
    assert_eq!(file.status, 303, "{}", file.text);
    let making = "SELECT CAST(COUNT(*) AS TEXT) FROM download WHERE state = 'making'";
    while served.hub.text(making).await != "0" {
        tokio::task::yield_now().await;
    }
    let second = served.post("/bulk", &kim, &[("id", "500005"), ("action", "dismiss")]).await;
    let begun = second.header("location").to_owned();
    served.post(&format!("{begun}/confirm"), &kim, &[("reason", "sent by letter instead")]).await;
    let nothing = served.post("/find", &kim, &[("key", "nothing has that")]).await;
    let found = nothing.header("location").to_owned();
    let unmasked =
        served.post("/deliveries/500001/show", &kim, &[("reason", "a resident phones")]).await;
    assert_eq!(unmasked.status, 303);
    let invite = viaduct::app::users::Invite {
        name: "pat.testberry".to_owned(),
        role: vec![Role::Viewer],
        source: vec![],
        owner: None,
        hours: 24,
        address: String::new(),
    };
    let by =
        viaduct::store::staff::By { actor: "user:root", reason: None, now_ms: served.now_ms() };
    let (_, link) = viaduct::app::users::invited(served.database(), &invite, by).await.unwrap();
    let viewer = served.person("vic.viewer", &[Role::Viewer]).await;
    let manager = served.person("max.manager", &[Role::Manager]).await;
    let cut = "/work-orders?state=held&source=revenues&order=oldest";
    arranged(&served, &kim, short).await;
    made(&served, "glass.one", None, &["127.0.0.1/32"]).await;
    opened(&served, "glass.one").await;
    let alert = served.hub.text("SELECT CAST(MAX(id) AS TEXT) FROM staff_alert").await;
    let alert = format!("/alerts/{alert}");
    let iris = served.person("iris.fakeley", &[Role::Governance]).await;
    let batch = |end: &str| format!("/batches/{short}{end}");
    let mut pages = vec![
        page("p2-work-orders-cut", cut, 200, &kim),
        page("p2-messages-cut", "/deliveries?source=crm&order=oldest", 200, &kim),
        page("p4-cause-seen-to", "/causes/code_unknown", 200, &kim),
        page("p1-service-health", "/", 200, &kim),
        page("p2-work-orders", "/work-orders", 200, &kim),
        page("p2-work-orders-held", "/work-orders?state=held", 200, &kim),
        page("p2-messages", "/deliveries", 200, &kim),
        page("p2-messages-held", "/deliveries?state=held", 200, &kim),
        page("p2-nothing-found", &found, 200, &kim),
        page("p3-work-order-held", &format!("/work-orders/{held}"), 200, &kim),
        page("p3-work-order", &format!("/work-orders/{done}"), 200, &kim),
        page("p3-work-order-came-in", &format!("/work-orders/{done}?part=came-in"), 200, &kim),
        page(
            "p3-work-order-understood",
            &format!("/work-orders/{done}?part=understood"),
            200,
            &kim,
        ),
        page("p3-work-order-went-out", &format!("/work-orders/{done}?part=went-out"), 200, &kim),
        page("p3-message-held", "/deliveries/500001", 200, &kim),
        page("p4-causes", "/causes", 200, &kim),
        page("p4-cause", "/causes/notify.refused", 200, &kim),
        page("p5-confirm-a-bulk-action", &proposed, 200, &kim),
        page("p5-agree-to-a-bulk-action", &asked, 200, &kim),
        page("p6-bulk-actions", "/bulk", 200, &kim),
        page("p6-bulk-action", &begun, 200, &kim),
        page("p7-files", "/batches", 200, &kim),
        page("p7-file-held", &batch(""), 200, &kim),
        page("p7-decide-about-a-file", &batch("/decide"), 200, &kim),
        page("p8-unknown-outcomes", "/unknown", 200, &kim),
        page("p8-say-what-became-of-it", "/unknown/500006", 200, &kim),
        page("p9-systems-that-are-told", "/destinations", 200, &kim),
        page("p9-destination", "/destinations/notify", 200, &kim),
        page("p9-destination-paused", "/destinations/pay", 200, &kim),
        page("p9-destination-left-alone", "/destinations/verint", 200, &kim),
        page("p10-schedules", "/jobs", 200, &kim),
        page("p11-nodes", "/nodes", 200, &kim),
        page("p12-connectors", "/connectors", 200, &kim),
        page("p12-connector", "/connectors/notify", 200, &kim),
        page("p2-your-downloads", "/downloads", 200, &kim),
        page("p31-audit", "/audit", 200, &kim),
        page("p31-audit-verified", "/audit/verify", 200, &kim),
        page("p1-alert", "/", 200, &iris),
        page("p35-alerts", "/alerts", 200, &iris),
        page("p35-alert-open", &alert, 200, &kim),
        page("p35-break-glass-account", "/users/glass.one", 200, &kim),
        page("p37-break-glass", "/break-glass", 200, &nobody),
        page("p35-users", "/users", 200, &kim),
        page("p35-user", "/users/sam.fakeley", 200, &kim),
        page("p37-your-account", "/account", 200, &kim),
        page("p37-page-not-found", "/none", 404, &kim),
        page("p37-done", "/causes?done=dropped", 200, &kim),
        page("p37-sign-in", "/sign-in", 200, &nobody),
        page("p37-invitation", &format!("/invitation/{link}"), 200, &nobody),
        page("p37-link-is-over", "/invitation/none", 404, &nobody),
        page("p37-help", "/help", 200, &nobody),
        page("p37-accessibility", "/accessibility", 200, &nobody),
        page("p37-privacy", "/privacy", 200, &nobody),
        page("p1-viewer", "/", 200, &viewer),
        page("p3-viewer", "/deliveries/500001", 200, &viewer),
        page("p37-not-allowed", "/users", 403, &viewer),
        page("p37-no-pages-yet", "/", 200, &manager),
    ];
    pages.sort_by_key(|one| one["cookie"].as_str().map(str::to_owned));
    let plan = json!({ "url": served.url, "pictures": pictures(folder.path()), "pages": pages });
    let seen = look("look.mjs", &plan).await;
    assert_eq!(seen["pages"], json!(57));
}

/// A list under a name; a cause that somebody sees to, with a note, of which nobody is reminded; an alert that was seen.
async fn arranged(served: &Served, kim: &Person, short: i64) {
    let until = Moment(served.now_ms() + 5 * 86_400_000).day().to_string();
    let alert = format!("batch|{short}|{short}");
    let view = |name, shared| {
        vec![
            ("list", "work-orders"),
            ("name", name),
            ("state", "held"),
            ("source", "revenues"),
            ("shared", shared),
        ]
    };
    for (path, fields) in [
        ("/views", view("Revenues, held", "yes")),
        ("/views", view("My Monday list", "")),
        ("/causes/code_unknown/assign", vec![("to", "kim.bramble"), ("reason", "I ask revenues")]),
        (
            "/causes/code_unknown/note",
            vec![("text", "Revenues say that LIMBO is a closed account")],
        ),
        ("/causes/code_unknown/silence", vec![("until", &until), ("reason", "They send a list")]),
        (
            "/acknowledge",
            vec![("alert", &alert), ("reason", "Revenues were asked whether it is whole")],
        ),
    ] {
        let done = served.post(path, kim, &fields).await;
        assert_eq!(done.status, 303, "{path}: {}", done.text);
    }
}

/// A payment that somebody else wants to be asked for again. Gives where it stands.
async fn asked_for(served: &Served) -> String {
    hold(served.database(), 700_001, 2).await;
    let mut transaction = served.database().begin().await.unwrap();
    let sql = "UPDATE delivery SET destination = 'pay', mapping = 'arrears_reminder', cause_code = 'pay.refused', \
               cause = 'the platform did not know our key', in_line = 0 WHERE id > 700000";
    transaction.execute(sql, vec![]).await.unwrap();
    let sql = "UPDATE delivery_message SET message = '{\"amount_pence\":4500,\"reference\":\"R-7\",\
               \"description\":\"Council tax\",\"link\":\"l\",\"account_id\":1}' WHERE delivery_id > 700000";
    transaction.execute(sql, vec![]).await.unwrap();
    let since =
        format!("UPDATE delivery SET since_ms = {} - 5400000 WHERE id > 700000", served.now_ms());
    transaction.execute(&since, vec![]).await.unwrap();
    transaction.commit().await.unwrap();
    let robin = served.person("robin.sampleton", &[Role::Support]).await;
    let chosen = [("code", "pay.refused"), ("action", "release")];
    let to = served.post("/bulk", &robin, &chosen).await.header("location").to_owned();
    let why = [("reason", "The key was renewed this morning")];
    let asked = served.post(&format!("{to}/confirm"), &robin, &why).await;
    assert_eq!(asked.header("location"), format!("{to}?done=asked"), "{}", asked.text);
    to
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_pages_and_very_long_words_are_accessible_too() {
    let folder = tempfile::tempdir().unwrap();
    let empty = Served::of(TestHub::open(On::Sqlite).await).await;
    let roles = [Role::SupportLead, Role::Governance, Role::Administrator];
    let kim = empty.person("kim.bramble", &roles).await;
    let lists = [
        "/",
        "/work-orders",
        "/work-orders?state=held",
        "/deliveries",
        "/causes",
        "/bulk",
        "/batches",
        "/unknown",
        "/destinations/notify",
        "/nodes",
        "/alerts",
        "/audit",
    ];
    let pages: Vec<Value> = lists
        .iter()
        .enumerate()
        .map(|(n, path)| page(&format!("empty-{n}"), path, 200, &kim))
        .collect();
    look("look.mjs", &json!({ "url": empty.url, "pictures": folder.path(), "pages": pages })).await;

    let (long, short) = full().await;
    made(&long, "glass.one", None, &[]).await;
    opened(&long, "glass.one").await;
    // Its hour is over, and it waits for a review.
    end_alerts(&long).await;
    let word = "Unpronounceablelongwordwithoutanyblank".repeat(12);
    let mut transaction = long.database().begin().await.unwrap();
    for sql in [
        format!(
            "UPDATE delivery SET cause = '{word}', platform_id = '{word}', mapping = '{word}', reference = '{word}' || id"
        ),
        format!("UPDATE batch SET origin = '{word}', cause = '{word}'"),
        format!("UPDATE staff_alert SET reason = '{word}', person = '{word}', place = '{word}'"),
        format!("UPDATE dead_letter SET cause = '{word}', field = '{word}'"),
        format!("UPDATE node SET name = '{word}:' || name, version = '{word}', address = '{word}'"),
        format!("UPDATE lease SET holder = '{word}:' || holder, name = name || '{word}'"),
    ] {
        transaction.execute(&sql, vec![]).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let kim =
        long.person("kim-with-a-very-long-name-that-fills-a-line.testberry-bramble", &roles).await;
    let pause = word[..400].to_owned();
    long.post("/destinations/pay/pause", &kim, &[("reason", &pause)]).await;
    let held = long.hub.text("SELECT CAST(MIN(record_id) AS TEXT) FROM dead_letter").await;
    let lists = [
        "/".to_owned(),
        "/work-orders".to_owned(),
        format!("/work-orders/{held}"),
        format!("/work-orders/{held}?part=came-in"),
        "/nodes".to_owned(),
        "/deliveries".to_owned(),
        "/deliveries/500001".to_owned(),
        "/causes".to_owned(),
        "/causes/notify.refused".to_owned(),
        "/batches".to_owned(),
        format!("/batches/{short}"),
        "/unknown".to_owned(),
        "/unknown/500006".to_owned(),
        "/destinations/pay".to_owned(),
        "/alerts".to_owned(),
        format!("/alerts/{}", long.hub.text("SELECT CAST(MAX(id) AS TEXT) FROM staff_alert").await),
        "/audit".to_owned(),
        "/account".to_owned(),
    ];
    let pages: Vec<Value> = lists
        .iter()
        .enumerate()
        .map(|(n, path)| page(&format!("long-{n}"), path, 200, &kim))
        .collect();
    look("look.mjs", &json!({ "url": long.url, "pictures": folder.path(), "pages": pages })).await;
}

/// Whatever break-glass account is open is not any more.
async fn end_alerts(served: &Served) {
    let mut transaction = served.database().begin().await.unwrap();
    let sql = "UPDATE staff_session SET ended_ms = 1 WHERE alert_id IS NOT NULL";
    transaction.execute(sql, vec![]).await.unwrap();
    transaction.commit().await.unwrap();
}

/// What is done from sign-in to sign-out; each on a hub that the ones before left as they did.
fn journeys(script: bool) -> Value {
    let steps = json!([
        { "name": "a nightly file came short: why, and accept it", "steps": [
            ["says", "Needs somebody"], ["press", "ctax-2.xml was held whole"], ["says", "Nothing of it was published"],
            ["says", "What to do"], ["press", "Accept or refuse it"], ["choose", "accept"],
            ["type", "reason", "revenues confirm that it is whole"], ["press", "Save the decision"],
            ["says", "The file is accepted"], ["says", "revenues confirm that it is whole"] ] },
        { "name": "messages held by one cause: look, confirm, watch", "steps": [
            ["press", "Causes"], ["press", "notify.refused"], ["says", "What to do"], ["press", "Send them again"],
            ["says", "Nothing was done yet"], ["says", "leaves the council"], ["type", "reason", "the addresses are mended"],
            ["press", "Yes, do it"], ["until", "5 of 5 had their turn"] ] },
        { "name": "an outcome that nobody knows: look for it, and decide", "steps": [
            ["press", "Unknown outcomes"], ["says", "A person has to find out"], ["press", "Say what became of it"],
            ["says", "Did it happen?"], ["choose", "happened"], ["type", "platform_id", "pi-77"],
            ["type", "reason", "it is in the platform under our reference"], ["press", "Save the decision"],
            ["says", "It is written down as having happened"] ] },
        { "name": "pause a system, see the pressure, resume", "steps": [
            ["press", "notify"], ["type", "reason", "they asked us to"], ["press", "Pause"],
            ["says", "Nothing is sent to it until somebody resumes it"], ["says", "waiting"],
            ["type", "reason", "they are back"], ["press", "Resume"], ["says", "What is due is sent"] ] },
        { "name": "found by our reference, and shown for a reason", "steps": [
            ["press", "Work orders"], ["type", "key", "500003"], ["press", "Find"], ["says", "Message 500003"],
            ["type", "reason", "the resident is on the telephone"], ["press", "Show for 15 minutes"],
            ["says", "pat.testberry@example.com"], ["press", "Mask them again"], ["says", "masked again"] ] },
        { "name": "a held row: found in the list, and read again", "steps": [
            ["press", "Work orders"], ["press", "Held ("], ["says", "revenues"], ["press", "code_unknown"],
            ["says", "rows"], ["press", "Read these 2 rows again"], ["says", "It is being read again"] ] },
        { "name": "somebody new is invited", "person": "boss", "steps": [
            ["press", "Users"], ["type", "name", "new.person"], ["choose", "role-viewer"], ["press", "Make a link"],
            ["says", "A link for new.person"] ] },
        { "name": "other roles, which sign somebody out", "person": "boss2", "steps": [
            ["press", "Users"], ["press", "lead1"], ["choose", "role-viewer"], ["type", "roles-reason", "a rehearsal"],
            ["press", "Change roles"], ["says", "The roles are changed"] ] },
        { "name": "the audit log is looked through", "person": "gov", "steps": [
            ["press", "Audit"], ["says", "revenues confirm that it is whole"], ["press", "See whether the log is as it was written"],
            ["says", "Yes."] ] },
        { "name": "pages stand still, and go on", "steps": [
            ["press", "staff-place"], ["says", "Updates of pages"], ["press", "Pause updates"], ["says", "stand still"],
            ["press", "Resume updates"], ["says", "keep themselves up to date"] ] }
    ]);
    let mut list = steps.as_array().unwrap().clone();
    for (place, one) in list.iter_mut().enumerate() {
        one["script"] = json!(script);
        let person =
            one["person"].as_str().map_or_else(|| format!("lead{}", place + 1), str::to_owned);
        let text = one.to_string().replace("staff-place", &person);
        *one = serde_json::from_str(&text).unwrap();
        one["person"] = json!(person);
    }
    json!(list)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_journeys_by_keyboard_alone_and_without_javascript() {
    for script in [true, false] {
        let (served, _) = full().await;
        let journeys = journeys(script);
        for one in journeys.as_array().unwrap() {
            let person = one["person"].as_str().unwrap();
            let role = match person {
                "boss" | "boss2" => Role::Administrator,
                "gov" => Role::Governance,
                _ => Role::SupportLead,
            };
            served.hire(person, &[role], "").await;
        }
        // Codes are taken from a minute on which the invitations were not.
        served.later(60_000);
        let plan = json!({
            "url": served.url, "password": PASSWORD, "code": served.code(), "journeys": journeys,
        });
        let seen = look("journeys.mjs", &plan).await;
        assert_eq!(seen.as_array().unwrap().len(), 10);
    }
}
