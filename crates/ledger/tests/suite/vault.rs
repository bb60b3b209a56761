//! The vault on real files.

use dutyledger_ledger::{OpenError, Vault, VaultError};
use dutyledger_record::{DataKey, KeyId};
use uuid::Uuid;

fn id(n: u128) -> KeyId {
    KeyId::new(Uuid::from_u128(n))
}

fn key(n: u8) -> (KeyId, DataKey, [u8; 24]) {
    (id(n.into()), DataKey([n; 32]), [n; 24])
}

#[tokio::test]
async fn keys_come_back_only_under_the_master_key_they_were_stored_under() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.db");
    let vault = Vault::open(&path, DataKey([9; 32])).await.unwrap();
    vault.store(vec![key(1), key(2)]).await.unwrap();
    vault.store(vec![]).await.unwrap();
    assert_eq!(vault.load(id(1)).await.unwrap(), Some(DataKey([1; 32])));
    assert_eq!(vault.load(id(3)).await.unwrap(), None);
    vault.close().await.unwrap();

    let file = std::fs::read(&path).unwrap();
    assert!(
        !file.windows(32).any(|window| window == [1; 32]),
        "no key lies open in the file"
    );

    let other = Vault::open(&path, DataKey([8; 32])).await;
    assert!(matches!(other, Err(VaultError::WrongMaster)), "{other:?}");
    let vault = Vault::open(&path, DataKey([9; 32])).await.unwrap();
    assert_eq!(vault.load(id(2)).await.unwrap(), Some(DataKey([2; 32])));
    vault.close().await.unwrap();
}

#[tokio::test]
async fn a_key_stored_twice_is_refused_with_all_that_came_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::open(&folder.path().join("vault.db"), DataKey([9; 32]))
        .await
        .unwrap();
    vault.store(vec![key(1)]).await.unwrap();
    let again = vault.store(vec![key(2), key(1)]).await;
    assert!(matches!(again, Err(VaultError::KeyTwice)), "{again:?}");
    assert_eq!(vault.load(id(2)).await.unwrap(), None);
    vault.close().await.unwrap();
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
    assert!(vault.destroy(id(1)).await.unwrap());
    assert!(!found());
    assert_eq!(vault.load(id(1)).await.unwrap(), None);
    assert_eq!(vault.load(id(2)).await.unwrap(), Some(DataKey([2; 32])));
    assert!(!vault.destroy(id(1)).await.unwrap());
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
