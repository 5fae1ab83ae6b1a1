//! Lists made into files: what stands in them, who may have them, and what the log says of it.

use std::collections::HashSet;

use viaduct::access::right::Role;
use viaduct::store::database::Cell;
use viaduct::store::downloads::{self, Wish};
use viaduct::store::staff::{self, By};

use super::{Person, Served, hold, worked};
use crate::support::hub::On;

/// Has a list made into a file, and fetches it: what it is called, and its content.
pub async fn made(served: &Served, person: &Person, fields: &[(&str, &str)]) -> (String, String) {
    let asked = served.post("/downloads", person, fields).await;
    assert_eq!(asked.header("location"), "/downloads?done=making", "{}", asked.text);
    let began = std::time::Instant::now();
    loop {
        let page = served.get("/downloads", person).await;
        if !page.has("Making</strong>") {
            assert!(page.has("Ready</strong>"), "{}", page.text);
            let path = page.text.split("href=\"/downloads/").nth(1).expect("a file");
            let path = format!("/downloads/{}", path.split('"').next().unwrap());
            let file = served.get(&path, person).await;
            assert_eq!(file.status, 200, "{}", file.text);
            assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
            assert_eq!(file.header("cache-control"), "no-store");
            return (file.header("content-disposition").to_owned(), file.text);
        }
        assert!(began.elapsed().as_secs() < 60, "it is never ready: {}", page.text);
    }
}

/// The rows of a file without line ends in its cells, each as its cells.
fn rows(text: &str) -> Vec<Vec<String>> {
    let text = text.trim_start_matches('\u{feff}');
    let cells = |line: &str| {
        let line = line.strip_prefix('"').and_then(|line| line.strip_suffix('"')).expect(line);
        line.split("\",\"").map(|cell| cell.replace("\"\"", "\"")).collect()
    };
    text.trim_end().split("\r\n").map(cells).collect()
}

#[tokio::test]
async fn a_list_is_made_into_a_file_whole_and_masked() {
    for on in [On::Sqlite, On::Postgres] {
        let served = Served::open(on).await;
        hold(served.database(), 500_001, 2_300).await;
        let mut transaction = served.database().begin().await.unwrap();
        // B74: what a platform answers is anybody's.
        let sql = "UPDATE delivery SET cause = $1 WHERE id = 500007";
        let cause = "=HYPERLINK(\"http://evil.example\", \"x\")";
        transaction.execute(sql, vec![Cell::Text(cause.to_owned())]).await.unwrap();
        transaction.commit().await.unwrap();
        let kim = served.person("kim", &[Role::Support]).await;
        let fields = [("what", "messages"), ("state", "held"), ("code", "notify")];
        let (called, text) = made(&served, &kim, &fields).await;
        let begins = "attachment; filename=\"messages-held-notify-2";
        assert!(
            called.starts_with(begins) && called.contains(".csv\"; filename*=UTF-8''"),
            "{called}"
        );
        let rows = rows(&text);
        assert_eq!(rows[0][..3], ["message", "reference", "state"]);
        let numbers: HashSet<&str> = rows[1..].iter().map(|row| row[0].as_str()).collect();
        assert_eq!((rows.len(), numbers.len()), (2_301, 2_300), "each once, over three pages");
        assert!(rows.iter().all(|row| row.len() == rows[0].len()));
        // B77: a list shows nobody, and a file no more than the list.
        assert!(!text.contains("pat.testberry") && text.contains("•"), "{:.400}", text);
        let evil = rows.iter().find(|row| row[0] == "500007").unwrap();
        assert!(evil.iter().any(|cell| cell.starts_with("'=HYPERLINK(")), "{evil:?}");
        assert!(evil[3].ends_with('Z') && evil[4].contains("+0"), "{evil:?}");
        let log = "SELECT actor || ' ' || action || ' ' || target || ' ' || COALESCE(details, '') \
                   FROM audit WHERE action IN ('exported', 'downloaded') ORDER BY id";
        let log = served.hub.rows(log).await;
        assert_eq!(
            [log[0][0].as_str(), log[1][0].as_str()],
            [
                "staff:kim exported list messages {\"filter\":\"state=held&code=notify\",\"rows\":2300,\"cut\":false}",
                "staff:kim downloaded list messages {\"filter\":\"state=held&code=notify\",\"rows\":2300}"
            ]
        );
    }
}

#[tokio::test]
async fn a_file_is_for_whoever_had_it_made_and_for_a_day() {
    let served = Served::open(On::Sqlite).await;
    hold(served.database(), 500_001, 3).await;
    let kim = served.person("kim", &[Role::Support]).await;
    made(&served, &kim, &[("what", "causes")]).await;
    let id = served.hub.text("SELECT CAST(id AS TEXT) FROM download").await;
    let path = format!("/downloads/{id}");
    let other = served.person("other", &[Role::SupportLead]).await;
    assert_eq!(served.get(&path, &other).await.status, 404, "another's");
    assert!(!served.get("/downloads", &other).await.has("causes-2"));
    let viewer = served.person("viewer", &[Role::Viewer]).await;
    assert_eq!(served.get(&path, &viewer).await.status, 403);
    assert!(!served.get("/causes", &viewer).await.has("Download this list"));
    assert!(served.get("/causes", &kim).await.has("Download this list"));
    for (fields, status) in [
        (vec![("what", "residents")], 400),
        (vec![("what", "audit")], 403),
        (vec![("what", "messages"), ("batch", "x")], 400),
    ] {
        let seen = served.post("/downloads", &kim, &fields).await;
        assert_eq!(seen.status, status, "{fields:?}: {}", seen.text);
    }
    // One at a time; one whose maker is gone stands in nobody's way.
    let wish =
        |id| Wish { id, staff_id: 1, actor: "staff:x", what: "audit", filter: "", name: "x" };
    let begin = async |id, now_ms: i64| {
        let times = (now_ms, now_ms - 1_000);
        downloads::begin(served.database(), &wish(id), times).await.unwrap()
    };
    assert!(begin(1, 5_000).await && !begin(2, 5_500).await && begin(3, 6_001).await);
    served.later(24 * 3_600_000 + 1);
    let later = served.hub.text("SELECT CAST(staff_id AS TEXT) FROM download WHERE id > 3").await;
    let found = downloads::fetch(
        served.database(),
        (id.parse().unwrap(), later.parse().unwrap(), "staff:kim"),
        (served.now_ms(), served.now_ms() - 24 * 3_600_000),
    );
    assert_eq!(found.await.unwrap(), None, "its day is over");
    downloads::forget(served.database(), served.now_ms() - 24 * 3_600_000).await.unwrap();
    assert_eq!(served.hub.text("SELECT CAST(COUNT(*) AS TEXT) FROM download").await, "0");
}

#[tokio::test]
async fn whoever_may_see_other_things_now_has_no_file_of_what_they_saw() {
    let served = Served::open(On::Sqlite).await;
    hold(served.database(), 500_001, 3).await;
    let kim = served.person("kim", &[Role::Support]).await;
    let row = staff::of_name(served.database(), "kim").await.unwrap().unwrap();
    let by = By { actor: "user:test", reason: None, now_ms: served.now_ms() };
    let many = "SELECT CAST(COUNT(*) AS TEXT) FROM download";
    made(&served, &kim, &[("what", "causes")]).await;
    assert_eq!(served.hub.text(many).await, "1");
    assert!(staff::set_roles(served.database(), &row, (&row.roles, "crm"), by).await.unwrap());
    assert_eq!(served.hub.text(many).await, "0");
    let mut transaction = served.database().begin().await.unwrap();
    let sql = "INSERT INTO download (id, staff_id, what, filter, name, state, row_count, is_cut, made_ms) \
               VALUES (1, $1, 'causes', '', 'x', 'ready', 0, FALSE, 5)";
    transaction.execute(sql, vec![Cell::Int(row.id)]).await.unwrap();
    transaction.commit().await.unwrap();
    assert!(staff::set_disabled(served.database(), &row, true, by).await.unwrap());
    assert_eq!(served.hub.text(many).await, "0");
}

#[tokio::test]
async fn a_file_has_the_rows_that_its_owner_may_see() {
    let (hub, _) = worked(On::Sqlite).await;
    let served = Served::of(hub).await;
    let theirs = served.person_of("theirs", &[Role::Support], "revenues").await;
    let other = served.person_of("other", &[Role::Support], "crm").await;
    let (_, text) = made(&served, &theirs, &[("what", "work-orders")]).await;
    assert!(rows(&text).len() > 20, "{text:.300}");
    let (_, text) = made(&served, &other, &[("what", "work-orders")]).await;
    assert_eq!(rows(&text).len(), 1, "the head alone: {text:.300}");
    let refused = served.post("/downloads", &other, &[("what", "messages")]).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
}

#[tokio::test]
async fn the_audit_log_goes_out_with_the_digests_of_its_chain() {
    let served = Served::open(On::Sqlite).await;
    let iris = served.person("iris", &[Role::Governance]).await;
    let head = served.hub.text("SELECT digest FROM audit_end").await;
    let (_, text) = made(&served, &iris, &[("what", "audit")]).await;
    let rows = rows(&text);
    assert_eq!(rows[1].last(), Some(&head), "the newest line's is the chain's head: {text}");
    assert_eq!(rows.last().unwrap()[0], "1", "and it goes down to the first");
    assert!(rows[1][3] == "staff:iris" && rows[1][4] == "signed in", "{text}");
}
