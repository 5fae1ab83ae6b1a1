//! P14: each mapping of the repository is tried on its sample, beside what becomes of it.

use serde_json::json;
use viaduct::access::right::Role;

use super::Served;
use super::browser::{look, page, pictures};
use crate::support::hub::{On, TestHub};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_is_tried_on_its_sample_side_by_side() {
    let mut hub = TestHub::open(On::Sqlite).await;
    hub.edit("connectors/revenues.toml", "sample", "# none\n#");
    hub.reload().await;
    let none = Served::of(hub).await;
    let ida = none.person("ida", &[Role::Integrator]).await;
    let page_of = none.get("/mappings/ctax_account", &ida).await;
    assert_eq!(page_of.status, 404, "no sample: {}", page_of.text);
    let served = Served::of(TestHub::open(On::Sqlite).await).await;
    let ida = served.person("ida", &[Role::Integrator]).await;
    let list = served.get("/mappings", &ida).await;
    assert!(list.has("/mappings/ctax_account") && list.has("ingest-revenues"), "{}", list.text);
    let mappings = served.hub.context.catalogue.inbound.keys();
    for name in mappings {
        let one = served.get(&format!("/mappings/{name}"), &ida).await;
        assert!(one.status == 200 && one.has("What becomes of it"), "{name}: {}", one.text);
    }
    let one = served.get("/mappings/ctax_account?record=1", &ida).await;
    for says in ["&#60;Status&#62;CLOSED", "codes/account_status.csv", "Family name", "Testberry"] {
        assert!(one.has(says), "{says}: {}", one.text);
    }
    assert_eq!(served.get("/mappings/none", &ida).await.status, 404);
    assert_eq!(served.get("/mappings/..%2F..%2Fetc", &ida).await.status, 404);
    let folder = tempfile::tempdir().unwrap();
    let pages = [
        page("p14-mappings", "/mappings", 200, &ida),
        page("p14-mapping-tried", "/mappings/ctax_account", 200, &ida),
    ];
    let to = pictures(folder.path());
    look("look.mjs", &json!({ "url": served.url, "pictures": to, "pages": pages })).await;
}
