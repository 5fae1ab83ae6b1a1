//! What is in `docs/` and made from code is what the code says.

use viaduct::record::reference;

#[test]
fn the_page_and_schema_of_the_record_are_fresh() {
    let root = env!("CARGO_MANIFEST_DIR");
    let remedy = "run `cargo run -- schema --write docs`";
    let page = std::fs::read_to_string(format!("{root}/docs/resident.md")).unwrap();
    assert!(page == reference::page(), "docs/resident.md is stale: {remedy}");
    let schema = std::fs::read_to_string(format!("{root}/docs/schema/resident.json")).unwrap();
    let made = format!("{:#}\n", reference::json_schema());
    assert!(schema == made, "docs/schema/resident.json is stale: {remedy}");
}
