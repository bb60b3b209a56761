//! The vault: what holds on both databases, and then what holds of files alone.

use crate::support::{Place, on_both};
use dutyledger_ledger::{OpenError, Vault, VaultError};
use dutyledger_record::{DataKey, KeyId};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use uuid::Uuid;

on_both!(
    keys_come_back_only_under_the_master_key_they_were_stored_under,
    a_key_stored_twice_is_refused_with_all_that_came_with_it,
    a_vault_is_empty_until_a_key_is_stored,
    a_destroyed_key_is_gone,
);

fn id(n: u128) -> KeyId {
    KeyId::new(Uuid::from_u128(n))
}

fn key(n: u8) -> (KeyId, DataKey, [u8; 24]) {
    (id(n.into()), DataKey([n; 32]), [n; 24])
}

async fn open(place: &Place, master: u8) -> Result<Vault, VaultError> {
    Vault::open(place.vault(), DataKey([master; 32])).await
}

async fn keys_come_back_only_under_the_master_key_they_were_stored_under(place: Place) {
    let vault = open(&place, 9).await.unwrap();
    vault.store(vec![key(1), key(2)]).await.unwrap();
    vault.store(vec![]).await.unwrap();
    assert_eq!(vault.load(id(1)).await.unwrap(), Some(DataKey([1; 32])));
    assert_eq!(vault.load(id(3)).await.unwrap(), None);
    vault.close().await.unwrap();

    let other = open(&place, 8).await;
    assert!(matches!(other, Err(VaultError::WrongMaster)), "{other:?}");
    let vault = open(&place, 9).await.unwrap();
    assert_eq!(vault.load(id(2)).await.unwrap(), Some(DataKey([2; 32])));
    vault.close().await.unwrap();
}

async fn a_key_stored_twice_is_refused_with_all_that_came_with_it(place: Place) {
    let vault = open(&place, 9).await.unwrap();
    vault.store(vec![key(1)]).await.unwrap();
    for twice in [vec![key(2), key(1)], vec![key(2), key(2)]] {
        let again = vault.store(twice).await;
        assert!(matches!(again, Err(VaultError::KeyTwice)), "{again:?}");
        assert_eq!(vault.load(id(2)).await.unwrap(), None);
    }
    vault.close().await.unwrap();
}

async fn a_vault_is_empty_until_a_key_is_stored(place: Place) {
    assert!(Vault::is_empty(place.vault()).await.unwrap());
    let vault = open(&place, 9).await.unwrap();
    vault.store(vec![key(1)]).await.unwrap();
    assert!(!Vault::is_empty(place.vault()).await.unwrap());
    vault.close().await.unwrap();
}

async fn a_destroyed_key_is_gone(place: Place) {
    let vault = open(&place, 9).await.unwrap();
    vault.store(vec![key(1), key(2)]).await.unwrap();
    assert_eq!(vault.held(&[id(1), id(3)]).await.unwrap(), [id(1)]);
    assert_eq!(vault.destroy(&[id(1), id(3)]).await.unwrap(), 1);
    assert_eq!(vault.load(id(1)).await.unwrap(), None);
    assert_eq!(vault.load(id(2)).await.unwrap(), Some(DataKey([2; 32])));
    assert_eq!(vault.destroy(&[id(1)]).await.unwrap(), 0);
    vault.close().await.unwrap();
    let vault = open(&place, 9).await.unwrap();
    assert_eq!(vault.load(id(1)).await.unwrap(), None);
    vault.close().await.unwrap();
}

#[tokio::test]
async fn no_key_lies_open_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.db");
    let vault = Vault::open(&path, DataKey([9; 32])).await.unwrap();
    vault.store(vec![key(1)]).await.unwrap();
    vault.close().await.unwrap();
    let file = std::fs::read(&path).unwrap();
    assert!(!file.windows(32).any(|window| window == [1; 32]));
}

#[tokio::test]
async fn a_destroyed_key_is_gone_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.db");
    let vault = Vault::open(&path, DataKey([9; 32])).await.unwrap();
    vault.store(vec![key(1), key(2)]).await.unwrap();
    // The nonce stands before the wrapped key, and can be looked for.
    let found = || {
        [path.clone(), path.with_extension("db-wal")]
            .iter()
            .any(|file| {
                std::fs::read(file)
                    .unwrap()
                    .windows(24)
                    .any(|window| window == [1; 24])
            })
    };
    assert!(found());
    assert_eq!(vault.destroy(&[id(1)]).await.unwrap(), 1);
    assert!(!found());
    assert_eq!(vault.load(id(1)).await.unwrap(), None);
    assert_eq!(vault.load(id(2)).await.unwrap(), Some(DataKey([2; 32])));
    assert_eq!(vault.destroy(&[id(1)]).await.unwrap(), 0);
    vault.close().await.unwrap();
}

#[tokio::test]
async fn a_vault_is_not_mistaken_for_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.db");
    Vault::open(&path, DataKey([9; 32]))
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    let reading = dutyledger_ledger::LedgerReader::open(&path).await;
    assert!(
        matches!(reading, Err(OpenError::Foreign { what: "ledger", .. })),
        "{reading:?}"
    );
}

/// A reader of the file that sees it as it is now until it is closed.
async fn reading(path: &std::path::Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut reader = options.connect().await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM data_key")
        .execute(&mut reader)
        .await
        .unwrap();
    reader
}

#[tokio::test]
async fn a_vault_whose_log_cannot_be_emptied_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.db");
    let vault = Vault::open(&path, DataKey([9; 32])).await.unwrap();
    vault.store(vec![key(1)]).await.unwrap();
    let reader = reading(&path).await;
    drop(vault);
    let held = Vault::open(&path, DataKey([9; 32])).await;
    assert!(matches!(held, Err(VaultError::LogHeld)), "{held:?}");
    reader.close().await.unwrap();
    let vault = Vault::open(&path, DataKey([9; 32])).await.unwrap();
    assert_eq!(vault.load(id(1)).await.unwrap(), Some(DataKey([1; 32])));
    vault.close().await.unwrap();
}

#[tokio::test]
async fn a_vault_that_is_read_is_neither_made_nor_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.db");
    let absent = Vault::open_for_reading(&path, DataKey([9; 32])).await;
    assert!(matches!(absent, Err(VaultError::Open(_))), "{absent:?}");
    assert!(!path.exists());
    let vault = Vault::open(&path, DataKey([9; 32])).await.unwrap();
    vault.store(vec![key(1)]).await.unwrap();
    let read = Vault::open_for_reading(&path, DataKey([9; 32])).await;
    let read = read.unwrap();
    assert_eq!(read.load(id(1)).await.unwrap(), Some(DataKey([1; 32])));
    assert!(read.store(vec![key(2)]).await.is_err());
    assert!(read.destroy(&[id(1)]).await.is_err());
    read.close().await.unwrap();
    assert_eq!(vault.load(id(1)).await.unwrap(), Some(DataKey([1; 32])));
    let other = Vault::open_for_reading(&path, DataKey([8; 32])).await;
    assert!(matches!(other, Err(VaultError::WrongMaster)), "{other:?}");
    vault.close().await.unwrap();
}
