//! Who is let in, over what, and what is said of it.

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dutyledger_notifications::{Connection, Credentials, Standing, State, Trouble};
use dutyledger_test_nats::Nats;
use nkeys::KeyPair;
use serde_json::{Value, json};

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

/// The server says no.
async fn is_refused(connection: Connection) {
    let book = Book::new().await;
    let relay = book.relay_over(connection, None);
    let trouble = relay.stands_still().await;
    assert!(matches!(trouble, Trouble::Refused { .. }), "{trouble:?}");
    relay.stop().await;
}

/// One end does not trust the other.
async fn is_kept_out(connection: Connection) {
    let book = Book::new().await;
    let relay = book.relay_over(connection, None);
    let out = |s: &Standing| matches!(s.state, State::Unreachable { .. });
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
    is_refused(with("another")).await;
    is_refused(connection(&nats.url())).await;
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
    is_refused(with(&nats.folder().join("missing"))).await;
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

/// Makes a key and a certificate for it in a folder, signed by the authority that is in it already;
/// the authority itself where it is the first.
fn certificate(folder: &Path, name: &str, extension: &str) {
    let (key, request, made) = (
        format!("{name}.key"),
        format!("{name}.csr"),
        format!("{name}.pem"),
    );
    let subject = format!("/CN={name}");
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout";
    let new: Vec<_> = new
        .split(' ')
        .chain([key.as_str(), "-subj", &subject])
        .collect();
    if !folder.join("authority.pem").exists() {
        let arguments = [&["req", "-x509"], &new[..], &["-out", &made]].concat();
        return openssl(folder, &arguments);
    }
    // A request has no days.
    let new: Vec<_> = new
        .into_iter()
        .filter(|word| !["-days", "2"].contains(word))
        .collect();
    openssl(folder, &[&["req"], &new[..], &["-out", &request]].concat());
    std::fs::write(folder.join("extension"), extension).unwrap();
    let sign = "x509 -req -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -extfile \
                extension -in";
    let sign = sign
        .split_whitespace()
        .chain([request.as_str(), "-out", &made]);
    openssl(folder, &sign.collect::<Vec<_>>());
}

/// An authority, and a server's certificate by it.
fn certificates() -> tempfile::TempDir {
    let folder = tempfile::TempDir::new().unwrap();
    certificate(folder.path(), "authority", "");
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1\n";
    certificate(folder.path(), "server", names);
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_connection_is_checked_against_the_certificates_named() {
    let folder = certificates();
    let at = folder.path();
    let settings = format!(
        "tls {{ cert_file: \"{0}/server.pem\", key_file: \"{0}/server.key\" }}",
        at.display()
    );
    let nats = Nats::start_with(&settings);
    let url = format!("tls://localhost:{}", nats.port());
    publishes(Connection {
        ca_file: Some(at.join("authority.pem")),
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

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_ones_own_lets_in() {
    let folder = certificates();
    let at = folder.path();
    certificate(at, "relay", "extendedKeyUsage=clientAuth\n");
    let settings = format!(
        "tls {{ cert_file: \"{0}/server.pem\", key_file: \"{0}/server.key\", \
         ca_file: \"{0}/authority.pem\", verify: true }}",
        at.display()
    );
    let nats = Nats::start_with(&settings);
    let stranger = Connection {
        ca_file: Some(at.join("authority.pem")),
        ..connection(&format!("tls://localhost:{}", nats.port()))
    };
    publishes(Connection {
        client_certificate: Some((at.join("relay.pem"), at.join("relay.key"))),
        ..stranger.clone()
    })
    .await;
    is_kept_out(stranger).await;
}

/// A claim of one key about another, signed: a JWT as NATS has them.
fn claim(by: &KeyPair, about: &KeyPair, name: &str, says: &Value) -> String {
    let coded = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "jti": name, "iat": 1_700_000_000, "iss": by.public_key(), "sub": about.public_key(),
        "name": name, "nats": says,
    });
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let signed = format!("{}.{}", coded(header), coded(claims));
    let signature = by.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credentials_file_lets_in() {
    let (operator, account, system) = (
        KeyPair::new_operator(),
        KeyPair::new_account(),
        KeyPair::new_account(),
    );
    let (user, stranger) = (KeyPair::new_user(), KeyPair::new_user());
    let limits = json!({ "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
        "conn": -1, "leaf": -1 });
    let operates = json!({ "type": "operator", "version": 2 });
    let system_says = json!({ "type": "account", "version": 2 });
    let account_says = json!({ "type": "account", "version": 2, "limits": limits });
    let user_says = json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1 });
    let nats = Nats::start_with(&format!(
        "operator: \"{}\"\nsystem_account: {2}\nresolver: MEMORY\n\
         resolver_preload: {{ {1}: \"{3}\", {2}: \"{4}\" }}\n",
        claim(&operator, &operator, "operator", &operates),
        account.public_key(),
        system.public_key(),
        claim(&operator, &account, "ledger", &account_says),
        claim(&operator, &system, "system", &system_says),
    ));
    let with = |file: &str, user: &KeyPair, jwt: &str| {
        let path = nats.folder().join(file);
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            user.seed().unwrap()
        );
        std::fs::write(&path, text).unwrap();
        Connection {
            credentials: Credentials::File(path),
            ..connection(&nats.url())
        }
    };
    let jwt = claim(&account, &user, "relay", &user_says);
    publishes(with("relay.creds", &user, &jwt)).await;
    // Somebody who has the claim and not its key.
    is_refused(with("stranger.creds", &stranger, &jwt)).await;
    is_refused(connection(&nats.url())).await;
}
