//! What others build against is what the code says.

use dutyledger_tests::repository;

fn committed(name: &str) -> String {
    std::fs::read_to_string(repository().join("schemas").join(name)).unwrap_or_default()
}

#[test]
fn the_committed_openapi_document_is_that_of_the_code() {
    let written = format!("{:#}\n", dutyledger_api::openapi());
    assert!(
        committed("openapi.json") == written,
        "write it anew: cargo run -- schemas"
    );
}

#[test]
fn the_committed_page_of_rules_is_that_of_the_packs() {
    let written = dutyledger_application::schemas::rules_page();
    assert!(
        committed("rules.md") == written,
        "write it anew: cargo run -- schemas"
    );
}

#[test]
fn the_committed_table_of_permissions_is_that_of_the_code() {
    let written = dutyledger_api::permissions();
    assert!(
        committed("permissions.txt") == written,
        "write it anew: cargo run -- schemas"
    );
    assert!(
        !written.contains(": ?"),
        "a read is not in the table: {written}"
    );
}
