//! The command line: on the file when nobody holds the ledger, through the server when one does.

use std::process::Output;

use dutyledger_tests::{Server, Town, program, repository};
use serde_json::Value;

fn said(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.lines().next().unwrap_or_default())
        .unwrap_or_else(|e| panic!("{e}: {text} {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn a_key_is_issued_listed_and_revoked_through_the_server_that_holds_the_ledger() {
    let server = Server::start();
    let issue = [
        "--json", "key", "issue", "--kind", "auditor", "--label", "an audit",
    ];
    let issued = said(&server.run(&issue));
    let auditor = server.client(issued["secret"].as_str().unwrap());
    assert_eq!(auditor.get("/v1/me").ok()["kind"], "auditor");
    let id = issued["key_id"].as_str().unwrap();
    let listed = String::from_utf8(server.run(&["--json", "key", "list"]).stdout).unwrap();
    assert!(listed.contains(id) && !listed.contains(issued["secret"].as_str().unwrap()));
    assert!(server.run(&["key", "revoke", id]).status.success());
    assert_eq!(auditor.get("/v1/me").status, 401);
}

#[test]
fn the_same_commands_work_on_the_file_when_the_server_is_down() {
    let mut server = Server::start();
    server.end();
    let issue = [
        "--json",
        "key",
        "issue",
        "--kind",
        "inspectorate",
        "--label",
        "an inspection",
    ];
    let issued = said(&server.run(&issue));
    let id = issued["key_id"].as_str().unwrap();
    assert!(
        server
            .run(&["--json", "key", "revoke", id])
            .status
            .success()
    );
    let twice = server.run(&["key", "revoke", id]);
    assert_eq!(
        twice.status.code(),
        Some(3),
        "refused: it is revoked already"
    );
    server.restart();
    assert_eq!(
        server
            .client(issued["secret"].as_str().unwrap())
            .get("/v1/me")
            .status,
        401
    );
}

#[test]
fn a_second_process_is_told_who_holds_the_ledger() {
    let server = Server::start();
    let second = server.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(4));
    let why = String::from_utf8_lossy(&second.stderr);
    assert!(why.contains(&server.pid().to_string()), "{why}");
}

#[test]
fn a_history_is_imported_through_the_server_and_again_without_a_second_entry() {
    let server = Server::start();
    let file = repository().join("ops/histories/fictional-marrowby.json");
    let import = ["--json", "import", file.to_str().unwrap()];
    let first = said(&server.run(&import));
    assert!(first["entries_recorded"].as_u64().unwrap() > 100, "{first}");
    let again = said(&server.run(&import));
    assert_eq!(again["entries_recorded"], 0, "{again}");
}

#[test]
fn a_live_ledger_takes_no_fiction() {
    let server = Server::start_as("live");
    let file = repository().join("ops/histories/fictional-marrowby.json");
    let refused = server.run(&["import", file.to_str().unwrap()]);
    assert_eq!(
        refused.status.code(),
        Some(3),
        "{}",
        String::from_utf8_lossy(&refused.stderr)
    );
}

#[test]
fn projections_are_rebuilt_to_the_same_rows() {
    let mut server = Server::start();
    let town = Town::found(&server, "Rebuildton");
    let strategy = town.adopted("2023-06-01");
    let body = serde_json::json!({ "kind": "auditor", "label": "the last entry",
        "expires_at": "2029-01-01T00:00:00.000000Z" });
    let last = server.operator().post("/v1/keys", &body).ok();
    let head = last["recorded"]["position"].as_u64().unwrap();
    let path = format!("/v1/strategies/{strategy}");
    let before = town.client("police").get_at(&path, head).ok();
    let busy = server.run(&["projections", "rebuild"]);
    assert!(!busy.status.success(), "the server has them open");
    server.end();
    let rebuilt = said(&server.run(&["--json", "projections", "rebuild"]));
    // The clock may have had something to say since.
    assert!(rebuilt["position"].as_u64() >= Some(head));
    server.restart();
    let police = town.client("police").at(server.address());
    assert_eq!(before, police.get_at(&path, head).ok());
}

#[test]
fn a_command_line_that_is_not_right_is_answered_with_code_2() {
    let run = |arguments: &[&str]| {
        std::process::Command::new(program())
            .args(arguments)
            .output()
            .unwrap()
            .status
            .code()
    };
    assert_eq!(run(&["no-such-command"]), Some(2));
    assert_eq!(
        run(&["key", "list", "--database-url", "mysql://localhost"]),
        Some(2)
    );
    assert_eq!(run(&["--help"]), Some(0));
}
