//! What a vault leaves behind of keys that are destroyed, or wrapped under another master key: looked
//! for in the raw bytes of every file.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Place, on_both};
use dutyledger_ledger::{Vault, VaultError};
use dutyledger_record::{DataKey, KeyId, NONCE_BYTES};
use dutyledger_test_postgres::{OWNER, Postgres};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use uuid::Uuid;

on_both!(
    whichever_keys_are_destroyed_none_is_found_in_any_file,
    a_new_master_key_leaves_nothing_that_the_old_one_wrapped,
    what_was_erased_does_not_come_back_with_a_backup,
    a_rotation_that_fails_changes_nothing,
);

/// Random-looking bytes that are the same for the same words.
fn bytes(words: &str) -> [u8; 32] {
    dutyledger_ledger::request_digest(&[7; 32], &[words.as_bytes()])
}

/// A nonce no other key has, which stands open before the wrapped key and can be looked for.
fn nonce(words: &str) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce.copy_from_slice(&bytes(words)[..NONCE_BYTES]);
    nonce
}

/// Ids in no order, so that pages are split in their middle.
fn id(run: &str, n: usize) -> KeyId {
    let mut id = [0; 16];
    id.copy_from_slice(&bytes(&format!("id {run} {n}"))[..16]);
    KeyId::new(Uuid::from_bytes(id))
}

fn key(run: &str, n: usize) -> (KeyId, DataKey, [u8; NONCE_BYTES]) {
    let key = DataKey(bytes(&format!("key {run} {n}")));
    (id(run, n), key, nonce(&format!("nonce {run} {n}")))
}

async fn open(place: &Place, master: u8) -> Result<Vault, VaultError> {
    Vault::open(place.vault(), DataKey([master; 32])).await
}

/// Overwrites a wrapped key by hand.
async fn spoil(place: &Place, key: KeyId) {
    if place.is_file() {
        let path = place.folder.path().join("vault.db");
        let mut conn = SqliteConnectOptions::new()
            .filename(path)
            .connect()
            .await
            .unwrap();
        sqlx::query("UPDATE data_key SET wrapped = zeroblob(72) WHERE key_id = ?1")
            .bind(key.to_string())
            .execute(&mut conn)
            .await
            .unwrap();
        conn.close().await.unwrap();
    } else {
        let sql = format!(
            "UPDATE keys.data_key SET wrapped = decode(repeat('00', 72), 'hex') WHERE key_id = '{key}'"
        );
        place.database().sql(OWNER, &sql).unwrap();
    }
}

/// Every file of the vault's database. A PostgreSQL server's own log is left out: it holds what was
/// stored until its segments are used again, which the documentation says.
fn files(place: &Place) -> Vec<PathBuf> {
    fn gather(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() && path.file_name().is_none_or(|name| name != "pg_wal") {
                gather(&path, into);
            } else if path.is_file() {
                into.push(path);
            }
        }
    }
    let mut all = Vec::new();
    if place.is_file() {
        gather(place.folder.path(), &mut all);
    } else {
        Postgres::shared().sql("postgres", "CHECKPOINT");
        gather(&Postgres::shared().data(), &mut all);
    }
    assert!(!all.is_empty());
    all
}

/// Which of these stand in any file.
fn found(place: &Place, sought: &[[u8; NONCE_BYTES]]) -> HashSet<[u8; NONCE_BYTES]> {
    let sought: HashSet<_> = sought.iter().copied().collect();
    // Most bytes begin none of them, which is quicker told than looked up.
    let start = |of: &[u8]| usize::from(of[0]) << 8 | usize::from(of[1]);
    let mut begins = vec![false; 1 << 16];
    sought.iter().for_each(|one| begins[start(one)] = true);
    let mut found = HashSet::new();
    for file in files(place) {
        // Files of others come and go on a server that is shared.
        let Ok(file) = fs::read(&file) else { continue };
        for window in file.windows(NONCE_BYTES).filter(|w| begins[start(w)]) {
            let window: [u8; NONCE_BYTES] = window.try_into().unwrap();
            if sought.contains(&window) {
                found.insert(window);
            }
        }
    }
    found
}

async fn whichever_keys_are_destroyed_none_is_found_in_any_file(place: Place) {
    let vault = open(&place, 9).await.unwrap();
    for seed in 0..2 {
        let run = format!("run {seed} {}", place.folder.path().display());
        let all: Vec<usize> = (0..400).collect();
        for some in all.chunks(23) {
            let keys = some.iter().map(|n| key(&run, *n)).collect();
            vault.store(keys).await.unwrap();
        }
        let nonces: Vec<_> = all.iter().map(|n| key(&run, *n).2).collect();
        assert_eq!(found(&place, &nonces).len(), all.len(), "they can be found");
        let goes = |n: &usize| bytes(&format!("goes {run} {n}"))[0] < 90;
        let (gone, kept): (Vec<usize>, Vec<usize>) = all.into_iter().partition(goes);
        assert!(gone.len() > 60 && kept.len() > 60);
        for some in gone.chunks(70) {
            let ids: Vec<_> = some.iter().map(|n| id(&run, *n)).collect();
            assert_eq!(vault.destroy(&ids).await.unwrap(), ids.len() as u64);
            let nonces: Vec<_> = some.iter().map(|n| key(&run, *n).2).collect();
            assert_eq!(
                found(&place, &nonces).len(),
                0,
                "destroyed keys are in a file"
            );
        }
        let nonces: Vec<_> = gone.iter().map(|n| key(&run, *n).2).collect();
        assert_eq!(found(&place, &nonces).len(), 0);
        for n in kept {
            let (id, key, _) = key(&run, n);
            assert_eq!(vault.load(id).await.unwrap(), Some(key));
        }
    }
    vault.close().await.unwrap();
}

async fn a_new_master_key_leaves_nothing_that_the_old_one_wrapped(place: Place) {
    let run = format!("rotation {}", place.folder.path().display());
    let mut vault = open(&place, 9).await.unwrap();
    let keys: Vec<_> = (0..2_300).map(|n| key(&run, n)).collect();
    let nonces: Vec<_> = keys.iter().map(|(_, _, nonce)| *nonce).collect();
    vault.store(keys).await.unwrap();
    let mut count = 0;
    let next = || {
        count += 1;
        nonce(&format!("next {run} {count}"))
    };
    let rotated = vault.rotate(DataKey([8; 32]), next).await.unwrap();
    assert_eq!(rotated, 2_300);
    assert_eq!(
        found(&place, &nonces).len(),
        0,
        "old wrapped keys are in a file"
    );
    let (id, key, _) = key(&run, 1_234);
    assert_eq!(vault.load(id).await.unwrap(), Some(key.clone()));
    vault.close().await.unwrap();
    let old = open(&place, 9).await;
    assert!(matches!(old, Err(VaultError::WrongMaster)), "{old:?}");
    let vault = open(&place, 8).await.unwrap();
    assert_eq!(vault.load(id).await.unwrap(), Some(key));
    vault.close().await.unwrap();
}

/// On a server, another process may still serve with the old master key. A file has one process.
#[tokio::test]
async fn a_key_is_not_stored_under_a_master_key_that_was_changed() {
    let place = Place::postgres().await;
    let (mut one, other) = (
        open(&place, 9).await.unwrap(),
        open(&place, 9).await.unwrap(),
    );
    one.store(vec![key("first", 1)]).await.unwrap();
    one.rotate(DataKey([8; 32]), || nonce("next"))
        .await
        .unwrap();
    let stored = other.store(vec![key("second", 2)]).await;
    assert!(matches!(stored, Err(VaultError::WrongMaster)), "{stored:?}");
    let read = other.load(id("first", 1)).await;
    assert!(matches!(read, Err(VaultError::WrongMaster)), "{read:?}");
    assert_eq!(one.load(id("second", 2)).await.unwrap(), None);
}

async fn what_was_erased_does_not_come_back_with_a_backup(place: Place) {
    let vault = open(&place, 9).await.unwrap();
    vault
        .store((0..5).map(|n| key("b", n)).collect())
        .await
        .unwrap();
    let path = place.folder.path().join("backup.db");
    let backup = Vault::open(&path, DataKey([7; 32])).await.unwrap();
    let mut count = 0;
    let mut next = || {
        count += 1;
        nonce(&format!("copied {count}"))
    };
    let all = vault.copy_to(&backup, &BTreeSet::new(), &mut next).await;
    assert_eq!(all.unwrap(), 5);
    let (erased, lost) = (id("b", 1), id("b", 2));
    vault.destroy(&[erased, lost]).await.unwrap();
    let without = BTreeSet::from([erased]);
    let back = backup.copy_to(&vault, &without, &mut next).await.unwrap();
    assert_eq!(back, 1, "the one that was lost and not erased");
    assert_eq!(vault.load(erased).await.unwrap(), None);
    assert_eq!(vault.load(lost).await.unwrap(), Some(key("b", 2).1));
    backup.close().await.unwrap();
    vault.close().await.unwrap();
}

async fn a_rotation_that_fails_changes_nothing(place: Place) {
    let mut vault = open(&place, 9).await.unwrap();
    vault
        .store((0..1_500).map(|n| key("f", n)).collect())
        .await
        .unwrap();
    // A key that does not open, on the second page: the last one in the order of ids.
    let last = (0..1_500).map(|n| id("f", n)).max().unwrap();
    spoil(&place, last).await;
    let rotated = vault.rotate(DataKey([8; 32]), || nonce("next")).await;
    assert!(
        matches!(rotated, Err(VaultError::WrongMaster)),
        "{rotated:?}"
    );
    let kept = (0..1_500).map(|n| key("f", n)).find(|(id, ..)| *id != last);
    let (id, key, _) = kept.unwrap();
    assert_eq!(vault.load(id).await.unwrap(), Some(key));
    vault.close().await.unwrap();
}
