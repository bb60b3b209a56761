//! Who is let in, over what, and what is said of it.

use std::path::Path;
use std::process::Command;

use dutyledger_notifications::{Connection, Credentials};
use dutyledger_test_nats::Nats;

use crate::book::{Book, connection};
use crate::stream::holds;

/// The seed of an nkey for tests, and its public key.
const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
const PUBLIC: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

async fn publishes(connection: Connection) {
    let book = Book::new().await;
    let relay = book.relay_over(connection, None);
    relay.published(book.append(5).await).await;
    relay.stop().await;
}

async fn is_kept_out(connection: Connection) {
    let book = Book::new().await;
    let relay = book.relay_over(connection, None);
    let out = |s: &dutyledger_notifications::Standing| {
        matches!(s.state, dutyledger_notifications::State::Unreachable { .. })
    };
    relay.until("kept out", out).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_lets_in() {
    let nats = Nats::start_with("authorization { token: to-ken }");
    let with = |token: &str| Connection {
        credentials: Credentials::Token(token.to_owned()),
        ..connection(&nats.url())
    };
    publishes(with("to-ken")).await;
    is_kept_out(with("another")).await;
    is_kept_out(connection(&nats.url())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_nkey_lets_in() {
    let nats = Nats::start_with(&format!(
        "authorization {{ users = [ {{ nkey: {PUBLIC} }} ] }}"
    ));
    let file = nats.folder().join("relay.nk");
    std::fs::write(&file, format!("{SEED}\n")).unwrap();
    let with = |file: &Path| Connection {
        credentials: Credentials::Nkey(file.to_owned()),
        ..connection(&nats.url())
    };
    publishes(with(&file)).await;
    is_kept_out(with(&nats.folder().join("missing"))).await;
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let made = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_connection_is_checked_against_the_certificates_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let at = folder.path();
    openssl(
        at,
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-days",
            "2",
            "-subj",
            "/CN=test ca",
        ],
    );
    openssl(
        at,
        &[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            "server.key",
            "-out",
            "server.csr",
            "-subj",
            "/CN=localhost",
        ],
    );
    std::fs::write(
        at.join("names"),
        "subjectAltName=DNS:localhost,IP:127.0.0.1\n",
    )
    .unwrap();
    openssl(
        at,
        &[
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-out",
            "server.pem",
            "-days",
            "2",
            "-extfile",
            "names",
        ],
    );
    let settings = format!(
        "tls {{ cert_file: \"{0}/server.pem\", key_file: \"{0}/server.key\" }}",
        at.display()
    );
    let nats = Nats::start_with(&settings);
    let url = format!("tls://localhost:{}", nats.port());
    publishes(Connection {
        ca_file: Some(at.join("ca.pem")),
        ..connection(&url)
    })
    .await;
    // The system does not know this authority.
    is_kept_out(connection(&url)).await;
    let plain = Nats::start();
    // A server that does not encrypt is not spoken to where encryption is asked for.
    let url = format!("tls://localhost:{}", plain.port());
    is_kept_out(connection(&url)).await;
    let book = Book::new().await;
    let relay = book.relay(&plain.url());
    relay.published(book.append(1).await).await;
    holds(&plain.url(), "DUTYLEDGER_1", &book.ledger).await;
    relay.stop().await;
}
