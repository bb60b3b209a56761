//! Importing a history.

use crate::common::Server;
use dutyledger_record::PrincipalKind;
use serde_json::json;

#[tokio::test]
async fn a_history_is_imported_once_and_refused_with_the_step() {
    let server = Server::start().await;
    let operator = server.key(PrincipalKind::Operator, None).await;
    let history = json!({
        "format": "dutyledger-history/1", "name": "Nowhere (fictional)", "about": "Fictional.",
        "fictional": true, "covers_until": "2024-12-31", "sources": {},
        "steps": [{
            "name": "nowhere", "stream": "area", "on": "2023-01-31", "command": "register-area",
            "particulars": { "country": "england", "kind": "district", "name": "Nowhere" },
        }],
    });
    let report = server
        .post(&operator, "/v1/imports", history.clone())
        .await
        .is(200);
    assert_eq!(report.json["entries_recorded"], 1);
    let again = server
        .post(&operator, "/v1/imports", history.clone())
        .await
        .is(200);
    assert_eq!(again.json["entries_recorded"], 0);
    let auditor = server.key(PrincipalKind::Auditor, None).await;
    server
        .post(&auditor, "/v1/imports", history.clone())
        .await
        .is(403);
    let mut wrong = history;
    wrong["steps"][0]["particulars"]["kind"] = json!("planet");
    let refused = server.post(&operator, "/v1/imports", wrong).await.is(422);
    assert!(
        refused.json["detail"]
            .as_str()
            .unwrap()
            .starts_with("Step 1 (nowhere): ")
    );
    let pointer = refused.json["errors"][0]["pointer"].as_str().unwrap();
    assert!(pointer.starts_with("/steps/0"), "{pointer}");
    // Larger than any other body may be, and still read.
    let long = format!("{{\"format\":\"{}\"}}", "x".repeat(2 << 20));
    server
        .post_with(&operator, "/v1/imports", &long, &[])
        .await
        .is(422);
    let huge = "x".repeat(9 << 20);
    server
        .post_with(&operator, "/v1/imports", &huge, &[])
        .await
        .is(413);
}
