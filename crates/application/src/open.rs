//! Opening a ledger with its keys: the files, the master key, the first entry.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dutyledger_domain::Payload;
use dutyledger_domain::rules;
use dutyledger_domain::streams::LedgerStream;
use dutyledger_domain::streams::ledger::{LedgerEvent, LedgerMode, LedgerOpened};
use dutyledger_ledger::{
    KeptHead, Ledger, LedgerReader, OpenError, Opening, Options, Place, PostgresUrl, Vault,
    VaultError, beside, create_secret_file, request_digest, sync_name,
};
use dutyledger_record::{
    Basis, DataKey, Draft, EntryError, EntryId, Envelope, KeyId, LedgerId, NONCE_BYTES, NaturalKey,
    OccurredOn, Principal, RulePackRef, Standing, Stream, StreamId, hex, unhex,
};

use crate::bus::Bus;
use crate::edge::{Edge, london_date};
use crate::erasure;
use crate::error::CommandError;
use crate::load::{self, LoadError};

/// Where everything of a ledger lives: its databases, and the two files that are in none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The ledger.
    pub ledger: Place,
    /// The projections: a file of their own, or a schema of their own beside the ledger's.
    pub projections: Place,
    /// The wrapped keys of sealed texts: likewise.
    pub keys: Place,
    /// The master key's file.
    pub master_key: PathBuf,
    /// The file in which the ledger's head is noted.
    pub noted_head: PathBuf,
    /// The newest head that was signed, if the ledger must go on from it as well.
    pub signed: Option<KeptHead>,
}

/// Where a ledger's checkpoints are: in no database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    /// The file of the key that signs them.
    pub signing_key: PathBuf,
    /// The file of the newest.
    pub newest: PathBuf,
    /// The folder of the hashes they are made of.
    pub tiles: PathBuf,
}

impl Home {
    /// A ledger in a file, with everything else in files beside it.
    #[must_use]
    pub fn beside(ledger: PathBuf) -> Self {
        let beside = |extension: &str| ledger.with_extension(extension);
        Self {
            projections: beside("projections.db").into(),
            keys: beside("keys.db").into(),
            master_key: beside("master.key"),
            noted_head: beside("noted-head.json"),
            signed: None,
            ledger: ledger.into(),
        }
    }

    /// Where its checkpoints usually are: beside the noted head.
    #[must_use]
    pub fn checkpoints(&self) -> Checkpoints {
        let name = self
            .noted_head
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let name = name
            .strip_suffix(".noted-head.json")
            .unwrap_or(&name)
            .to_owned();
        let beside = |ending: &str| self.noted_head.with_file_name(format!("{name}.{ending}"));
        Checkpoints {
            signing_key: beside("signing.key"),
            newest: beside("checkpoint"),
            tiles: beside("tiles"),
        }
    }

    /// A ledger in a PostgreSQL database, with the two files in a folder.
    #[must_use]
    pub fn on_server(database: PostgresUrl, folder: &Path) -> Self {
        let place = Place::Postgres(database);
        Self {
            projections: place.clone(),
            keys: place.clone(),
            ledger: place,
            master_key: folder.join("dutyledger.master.key"),
            noted_head: folder.join("dutyledger.noted-head.json"),
            signed: None,
        }
    }
}

/// Why a ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] OpenError),
    /// The wrapped keys.
    #[error("the wrapped keys could not be opened: {0}")]
    Vault(#[from] VaultError),
    /// A vault without the server's own keys, which every vault of a ledger has from its first start.
    #[error(
        "the keys at {place} are not this ledger's: its own are not among them. Bring them back with \
         `dutyledger vault restore <backup>`, or name the place where they are (DUTYLEDGER_KEYS)"
    )]
    NoKeys {
        /// Where they were looked for.
        place: String,
    },
    /// The ledger's own stream.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// What was erased could not be erased again.
    #[error("what was erased could not be erased again: {0}")]
    Erase(#[source] CommandError),
    /// The ledger adopted a rule pack this program does not hold.
    #[error(
        "the ledger adopted the rule pack {} revision {}, which this program does not hold: use a \
         newer program",
        .0.pack, .0.revision
    )]
    NewerRules(RulePackRef),
    /// The master key's file.
    #[error("the master key {path}: {reason}")]
    MasterKey {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What the server has keys of its own for.
const PURPOSES: [&str; 2] = ["calendar", "idempotency"];

/// The key that wraps the keys of sealed texts, and the server's own keys, which are wrapped under it
/// too: they stay what they are when another takes its place.
#[derive(Clone, Debug)]
pub struct MasterKey {
    master: DataKey,
    own: BTreeMap<&'static str, DataKey>,
}

impl MasterKey {
    /// Reads the key's file, or makes it where no ledger is founded and nothing is wrapped yet.
    ///
    /// # Errors
    /// When it cannot be read or made, is not 64 hexadecimal digits, or is missing and the ledger
    /// needs it; and when it is missing and the ledger's database cannot be asked.
    pub async fn open(home: &Home, edge: &Edge) -> Result<Self, HomeError> {
        let path = &home.master_key;
        let wrong = |reason: String| HomeError::MasterKey {
            path: path.clone(),
            reason,
        };
        match fs::read_to_string(path) {
            Ok(text) => match unhex(text.trim().as_bytes()) {
                Some(key) => Ok(Self::of(key)),
                None => Err(wrong(
                    "must hold 64 hexadecimal digits and nothing else".to_owned(),
                )),
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                // Only a new ledger gets a new key: the keys of sealed texts and the names of
                // requests hang on it, in every process that serves the ledger.
                if is_founded(&home.ledger).await? || !Vault::is_empty(&home.keys).await? {
                    return Err(wrong(
                        "is missing, and the ledger needs it: put it back from its backup, or copy \
                         it from another server of the same ledger"
                            .to_owned(),
                    ));
                }
                let key = edge.random();
                write_new(path, &key).map_err(wrong)?;
                Ok(Self::of(key))
            }
            Err(e) => Err(wrong(e.to_string())),
        }
    }

    const fn of(key: [u8; 32]) -> Self {
        Self {
            master: DataKey(key),
            own: BTreeMap::new(),
        }
    }

    /// Opens the vault, under the next master key where a change of it came about and was not
    /// brought to its end.
    async fn open_vault(&mut self, home: &Home) -> Result<Vault, HomeError> {
        let next = next_key(&home.master_key);
        match Vault::open(&home.keys, self.master.clone()).await {
            Err(VaultError::WrongMaster) if next.exists() => {}
            opened => return Ok(opened?),
        }
        self.master = read_key(&next)?;
        let vault = Vault::open(&home.keys, self.master.clone()).await?;
        take_place(&next, &home.master_key)?;
        Ok(vault)
    }

    /// Reads the server's own keys, making those that are not there yet.
    async fn read_own(&mut self, vault: &Vault, edge: &Edge) -> Result<(), VaultError> {
        for purpose in PURPOSES {
            let id = own_key(purpose);
            let key = match vault.load(id).await? {
                Some(key) => key,
                None => {
                    let key = DataKey(self.made(purpose));
                    match vault.store(vec![(id, key.clone(), edge.random())]).await {
                        // Another server of the same ledger made it at the same time.
                        Ok(()) | Err(VaultError::KeyTwice) => key,
                        Err(error) => return Err(error),
                    }
                }
            };
            self.own.insert(purpose, key);
        }
        Ok(())
    }

    /// What a key of the server's own is made from the first time.
    fn made(&self, purpose: &str) -> [u8; 32] {
        request_digest(&self.master.0, &[b"dutyledger", purpose.as_bytes()])
    }

    /// A key of the server's own for one purpose.
    #[must_use]
    pub fn derived(&self, purpose: &str) -> [u8; 32] {
        match self.own.get(purpose) {
            Some(key) => key.0,
            None => self.made(purpose),
        }
    }
}

/// The id of a key of the server's own.
fn own_key(purpose: &str) -> KeyId {
    KeyId::new(NaturalKey(&["own-key", purpose]).stream_id().uuid())
}

/// Whether every key of the server's own is in a vault.
async fn has_own(vault: &Vault) -> Result<bool, VaultError> {
    let held = vault.held(&PURPOSES.map(own_key)).await?;
    Ok(held.len() == PURPOSES.len())
}

/// Where the next master key is while it takes the place of the one before.
fn next_key(path: &Path) -> PathBuf {
    beside(path, ".next")
}

/// Reads a master key from its file.
///
/// # Errors
/// When it cannot be read, or is not 64 hexadecimal digits.
fn read_key(path: &Path) -> Result<DataKey, HomeError> {
    let wrong = |reason: String| HomeError::MasterKey {
        path: path.to_owned(),
        reason,
    };
    let text = fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    let key = unhex(text.trim().as_bytes())
        .ok_or_else(|| wrong("must hold 64 hexadecimal digits and nothing else".to_owned()))?;
    Ok(DataKey(key))
}

/// Writes a master key to a file that is not there yet.
fn write_new(path: &Path, key: &[u8; 32]) -> Result<(), String> {
    create_secret_file(path, (hex(key) + "\n").as_bytes()).map_err(|e| e.to_string())
}

/// Lets the next master key take the place of the one before, for good.
fn take_place(next: &Path, path: &Path) -> Result<(), HomeError> {
    let moved = fs::rename(next, path).and_then(|()| sync_name(path));
    moved.map_err(|e| HomeError::MasterKey {
        path: path.to_owned(),
        reason: e.to_string(),
    })
}

/// Whether there is a ledger already. A server that cannot be reached may have one.
async fn is_founded(place: &Place) -> Result<bool, OpenError> {
    match LedgerReader::open(place).await {
        Ok(reader) => {
            reader.close().await;
            Ok(true)
        }
        Err(OpenError::Foreign { .. }) => Ok(false),
        // What is there, or was there, is a ledger's.
        Err(error @ OpenError::ForeignLog { .. }) => Err(error),
        Err(_) if place.file().is_some() => Ok(false),
        Err(error) => Err(error),
    }
}

/// The first entry of a ledger.
///
/// # Errors
/// When it steps outside the record's format.
pub fn opening(edge: &Edge, mode: LedgerMode) -> Result<Opening, EntryError> {
    let ledger = LedgerId::new(edge.uuid());
    let adopted = rules::enacted_ref();
    let event = LedgerEvent::from(LedgerOpened {
        ledger_id: ledger,
        mode,
        pack: adopted.pack.clone(),
        revision: adopted.revision,
        pack_sha256: rules::enacted().1.to_owned(),
    });
    let payload = event
        .to_payload()
        .map_err(|e| EntryError::Json(e.to_string()))?;
    let entry = Envelope {
        entry_id: EntryId::new(edge.uuid()),
        stream: Stream::new(
            <LedgerStream as dutyledger_domain::StreamKind>::TYPE,
            StreamId::new(ledger.uuid()),
        ),
        version: 1,
        standing: Standing {
            basis: Basis::Administrative,
            causation_id: None,
            correlation_id: edge.uuid(),
            corrects: None,
            occurred_on: OccurredOn {
                assumed: false,
                date: london_date(edge.clock.now()),
            },
            on_behalf_of: Vec::new(),
            partnerships: Vec::new(),
            past_fact: None,
            principal: Principal::SYSTEM,
            reported: false,
            rests_on: Vec::new(),
            rules: adopted,
            source: None,
            warnings: Vec::new(),
        },
        payload,
    };
    Ok(Opening {
        ledger,
        draft: Draft::new(ledger, event.event(), &entry)?,
    })
}

impl Bus {
    /// Opens a ledger for appending, making it where it is new.
    ///
    /// # Errors
    /// When a file cannot be opened, or another process owns the ledger.
    pub async fn open(
        home: &Home,
        mode: LedgerMode,
        edge: Edge,
    ) -> Result<(Self, MasterKey), HomeError> {
        let (bus, master, _) = Self::open_with(home, mode, edge, None).await?;
        Ok((bus, master))
    }

    /// Opens a ledger, and brings back the keys of a backup where there is one. Tells how many came
    /// back.
    async fn open_with(
        home: &Home,
        mode: LedgerMode,
        edge: Edge,
        backup: Option<&Vault>,
    ) -> Result<(Self, MasterKey, u64), HomeError> {
        // The key before the ledger: a ledger that is there has one.
        let mut master = MasterKey::open(home, &edge).await?;
        let opening_edge = edge.clone();
        let ledger = Ledger::open(
            Options {
                noted: Some(home.noted_head.clone()),
                signed: home.signed.clone(),
                ..Options::at(&home.ledger)
            },
            std::sync::Arc::clone(&edge.clock),
            move |_| opening(&opening_edge, mode),
        )
        .await?;
        let lost = || HomeError::NoKeys {
            place: home.keys.to_string(),
        };
        // The first start gives a ledger its vault with the server's own keys, before anything but
        // the first entry is recorded. Where the vault is lost, others in its place would open
        // nothing, and change addresses and names.
        let is_new = ledger.head() <= 1;
        let absent = home.keys.file().is_some_and(|file| !file.exists());
        if absent && !is_new && backup.is_none() {
            return Err(lost());
        }
        let vault = master.open_vault(home).await?;
        // Before anything is served: a key may have come back with a backup.
        let again = erasure::destroy_again(&ledger, &vault).await;
        let again = again.map_err(HomeError::Erase)?;
        let restored = match backup {
            // What is there already stays, so the server's own keys come back before any are made.
            Some(backup) => bring_back(&ledger, backup, &vault, || edge.random()).await?,
            None => 0,
        };
        // A vault that has others alone is from before there were such keys: they are made of the
        // master key, as they were then.
        if !is_new && !vault.holds_any().await? {
            return Err(lost());
        }
        master.read_own(&vault, &edge).await?;
        if again > 0 {
            tracing::warn!(
                keys = again,
                "keys of erased texts were there and are destroyed"
            );
        }
        let adopted = load::rules(&ledger, None).await?;
        if rules::pack(&adopted.pack, adopted.revision).is_none() {
            return Err(HomeError::NewerRules(adopted));
        }
        Ok((Self::new(ledger, vault, edge), master, restored))
    }

    /// Puts a new master key in the place of the one there is: every key in the vault is wrapped
    /// under it, all in one transaction, and its file replaces the old one's. Killed at any moment,
    /// the next opening goes on with whichever key the vault is under. Tells how many keys were
    /// wrapped.
    ///
    /// # Errors
    /// When the ledger is in use, is none yet, or a file or the vault fails.
    pub async fn rotate_master(
        home: &Home,
        mode: LedgerMode,
        edge: Edge,
    ) -> Result<u64, HomeError> {
        let wrong = |reason: String| HomeError::MasterKey {
            path: home.master_key.clone(),
            reason,
        };
        if !is_founded(&home.ledger).await? {
            return Err(wrong(
                "there is no ledger yet that it is the key of".to_owned(),
            ));
        }
        // Owning the ledger keeps a server of a file out, and what was left undone is done first.
        let (bus, _) = Self::open(home, mode, edge.clone()).await?;
        let next = next_key(&home.master_key);
        let key = if next.exists() {
            // Made before, and nothing is under it yet.
            read_key(&next)?
        } else {
            let key = edge.random();
            write_new(&next, &key).map_err(wrong)?;
            DataKey(key)
        };
        let (ledger, vault) = bus.into_parts();
        let mut vault = vault.ok_or_else(|| wrong("the vault is in use".to_owned()))?;
        let rotated = vault.rotate(key, || edge.random()).await;
        if rotated.is_ok() {
            take_place(&next, &home.master_key)?;
        }
        vault.close().await?;
        ledger.close().await;
        Ok(rotated?)
    }

    /// Writes every data key, wrapped under the same master key, to a file that is not there yet.
    /// Servers may run meanwhile. Tells how many keys it holds.
    ///
    /// # Errors
    /// When there is no vault, it is not that of a ledger, the file is there, or a file or the vault
    /// fails. Then no file is left.
    pub async fn back_up_keys(home: &Home, to: &Path, edge: &Edge) -> Result<u64, HomeError> {
        let master = read_key(&home.master_key)?;
        // SQLite would make what is not there, and a backup of that would look like any other.
        if home.keys.file().is_some_and(|file| !file.exists()) {
            let place = home.keys.to_string();
            return Err(HomeError::NoKeys { place });
        }
        if to.symlink_metadata().is_ok() {
            return Err(at(to, &io::ErrorKind::AlreadyExists.into()));
        }
        let from = Vault::open_for_reading(home.keys.clone(), master.clone()).await?;
        if !has_own(&from).await? {
            let place = home.keys.to_string();
            return Err(HomeError::NoKeys { place });
        }
        // Under another name until it is whole.
        let part = beside(to, ".part");
        remove_vault(&part)?;
        let copied = copy_into(&from, &part, master, edge).await;
        let moved = copied.and_then(|copied| {
            fs::rename(&part, to).map_err(|e| at(to, &e))?;
            sync_name(to).map_err(|e| at(to, &e))?;
            Ok(copied)
        });
        if moved.is_err() {
            remove_vault(&part)?;
        }
        from.close().await?;
        moved
    }

    /// Brings back the keys of a backup that are not there any more, save those that an erasure names.
    /// The backup may be under a master key of its own. Tells how many came back.
    ///
    /// # Errors
    /// When the ledger is in use, or a file or the vault fails.
    pub async fn restore_keys(
        home: &Home,
        mode: LedgerMode,
        from: &Path,
        master_of_backup: Option<&Path>,
        edge: Edge,
    ) -> Result<u64, HomeError> {
        let master = read_key(master_of_backup.unwrap_or(&home.master_key))?;
        if !from.exists() {
            return Err(at(from, &io::ErrorKind::NotFound.into()));
        }
        let backup = Vault::open_for_reading(from.to_owned(), master).await?;
        let opened = Self::open_with(home, mode, edge, Some(&backup)).await;
        backup.close().await?;
        let (bus, _, restored) = opened?;
        bus.close().await;
        Ok(restored)
    }
}

/// Brings back the keys of a backup that a vault lacks, save those that an erasure names. Tells how
/// many came back.
async fn bring_back(
    ledger: &LedgerReader,
    backup: &Vault,
    vault: &Vault,
    nonce: impl FnMut() -> [u8; NONCE_BYTES] + Send,
) -> Result<u64, HomeError> {
    let erased = erasure::named(ledger).await?;
    let copied = backup.copy_to(vault, &erased, nonce).await?;
    // Another server may have erased meanwhile what was then copied.
    let again = erasure::destroy_again(ledger, vault).await;
    Ok(copied.saturating_sub(again.map_err(HomeError::Erase)?))
}

/// A file that failed.
fn at(path: &Path, error: &io::Error) -> HomeError {
    let named = io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    OpenError::Io(named).into()
}

/// Removes a file of keys that is not whole, with its log.
fn remove_vault(path: &Path) -> Result<(), HomeError> {
    for ending in ["", "-wal", "-shm"] {
        let file = beside(path, ending);
        match fs::remove_file(&file) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(at(&file, &e)),
            _ => {}
        }
    }
    Ok(())
}

/// Copies every key of a vault into a file of their own.
async fn copy_into(
    from: &Vault,
    to: &Path,
    master: DataKey,
    edge: &Edge,
) -> Result<u64, HomeError> {
    // Made before SQLite opens it, so that nobody else may read it.
    create_secret_file(to, b"").map_err(|e| at(to, &e))?;
    let backup = Vault::open(to.to_owned(), master).await?;
    let all = BTreeSet::new();
    let copied = from.copy_to(&backup, &all, || edge.random()).await;
    backup.close().await?;
    Ok(copied?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::Duration;
    use dutyledger_domain::streams::Erasure;
    use dutyledger_domain::streams::erasure::{
        EraseSealedText, ErasureCommand, ErasureGround, stream_of,
    };
    use dutyledger_ledger::SystemClock;
    use dutyledger_record::{PrincipalKind, PublicText};
    use tempfile::TempDir;
    use tokio::runtime::Handle;
    use tokio::task::block_in_place;
    use uuid::Uuid;

    use super::*;
    use crate::{KeyRequest, Request, SystemEntropy, Target};

    const OPERATOR: Principal = Principal {
        id: None,
        key_id: None,
        kind: PrincipalKind::Operator,
    };

    fn edge() -> Edge {
        Edge {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        }
    }

    async fn open(home: &Home) -> Result<(Bus, MasterKey), HomeError> {
        Bus::open(home, LedgerMode::Sandbox, edge()).await
    }

    /// A ledger in which something is recorded, and its keys for calendars.
    async fn begun() -> (TempDir, Home, [u8; 32]) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::beside(folder.path().join("ledger.db"));
        let (bus, master) = open(&home).await.unwrap();
        let key = KeyRequest {
            kind: PrincipalKind::Auditor,
            principal_id: None,
            label: PublicText::new("test").unwrap(),
            expires_at: bus.edge().clock.now() + Duration::days(1),
        };
        bus.issue_key(OPERATOR, key).await.unwrap();
        bus.close().await;
        (folder, home, master.derived("calendar"))
    }

    async fn back_up(home: &Home, to: &Path) -> Result<u64, HomeError> {
        Bus::back_up_keys(home, to, &edge()).await
    }

    async fn restore(home: &Home, from: &Path) -> Result<u64, HomeError> {
        Bus::restore_keys(home, LedgerMode::Sandbox, from, None, edge()).await
    }

    fn names(folder: &Path) -> BTreeSet<String> {
        let files = fs::read_dir(folder).unwrap().flatten();
        files
            .map(|file| file.file_name().into_string().unwrap())
            .collect()
    }

    #[tokio::test]
    async fn the_servers_own_keys_come_back_with_a_backup_though_the_master_key_is_another() {
        let (folder, home, before) = begun().await;
        let rotated = Bus::rotate_master(&home, LedgerMode::Sandbox, edge()).await;
        assert_eq!(rotated.unwrap(), 2);
        let backup = folder.path().join("backup.db");
        assert_eq!(back_up(&home, &backup).await.unwrap(), 2);
        fs::remove_file(home.keys.file().unwrap()).unwrap();
        assert_eq!(restore(&home, &backup).await.unwrap(), 2);
        let (bus, master) = open(&home).await.unwrap();
        assert_eq!(master.derived("calendar"), before);
        bus.close().await;
        assert_eq!(restore(&home, &backup).await.unwrap(), 0, "all are there");
    }

    #[tokio::test]
    async fn a_ledger_whose_keys_are_lost_is_not_opened_under_others() {
        let (folder, home, _) = begun().await;
        let elsewhere = Home {
            keys: folder.path().join("elsewhere.db").into(),
            ..home.clone()
        };
        let emptied = folder.path().join("emptied.db");
        let master = read_key(&home.master_key).unwrap();
        let empty = Vault::open(emptied.clone(), master).await.unwrap();
        empty.close().await.unwrap();
        let emptied = Home {
            keys: emptied.into(),
            ..home.clone()
        };
        for lost in [&elsewhere, &emptied] {
            let error = open(lost).await.map(|_| ()).unwrap_err();
            assert!(matches!(error, HomeError::NoKeys { .. }), "{error}");
            let told = error.to_string();
            assert!(told.contains("dutyledger vault restore"), "{told}");
            assert!(told.contains(&lost.keys.to_string()), "{told}");
        }
        assert!(!elsewhere.keys.file().unwrap().exists(), "none is made");
        // A backup that has none of them is no help.
        let without = restore(&elsewhere, emptied.keys.file().unwrap()).await;
        assert!(matches!(without, Err(HomeError::NoKeys { .. })));
        open(&home).await.unwrap().0.close().await;
    }

    #[tokio::test]
    async fn a_backup_is_whole_or_not_there() {
        let (folder, home, _) = begun().await;
        let to = folder.path().join("backup.db");
        let before = names(folder.path());
        let elsewhere = Home {
            keys: folder.path().join("elsewhere.db").into(),
            ..home.clone()
        };
        let refused = back_up(&elsewhere, &to).await;
        assert!(matches!(refused, Err(HomeError::NoKeys { .. })));
        assert_eq!(names(folder.path()), before, "nothing is made");

        // Another's keys, under the same master key.
        let others = folder.path().join("others.db");
        let others = Home {
            keys: others.into(),
            ..home.clone()
        };
        let master = read_key(&home.master_key).unwrap();
        let vault = Vault::open(others.keys.clone(), master).await.unwrap();
        let key = (KeyId::new(Uuid::from_u128(7)), DataKey([7; 32]), [7; 24]);
        vault.store(vec![key]).await.unwrap();
        vault.close().await.unwrap();
        let refused = back_up(&others, &to).await;
        assert!(matches!(refused, Err(HomeError::NoKeys { .. })));
        assert!(!to.exists());

        // What one that was killed left is no hindrance, and nothing of it stays.
        fs::write(folder.path().join("backup.db.part"), "half").unwrap();
        assert_eq!(back_up(&home, &to).await.unwrap(), 2);
        let left = names(folder.path());
        assert!(!left.iter().any(|name| name.contains(".part")), "{left:?}");
        let whole = fs::read(&to).unwrap();
        assert!(back_up(&home, &to).await.is_err(), "it is there");
        assert_eq!(fs::read(&to).unwrap(), whole);

        // Where it cannot take its name, it does not stay under the other.
        let name = folder.path().join("no-such-folder/backup.db");
        assert!(back_up(&home, &name).await.is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_key_erased_while_a_backup_is_brought_back_does_not_stay() {
        let (folder, home, _) = begun().await;
        let (bus, _) = open(&home).await.unwrap();
        let (erased, kept) = (Uuid::from_u128(7), Uuid::from_u128(8));
        let (erased, kept) = (KeyId::new(erased), KeyId::new(kept));
        let backup = folder.path().join("backup.db");
        let backup = Vault::open(backup, DataKey([9; 32])).await.unwrap();
        for (id, n) in [(erased, 7), (kept, 8)] {
            let key = (id, DataKey([n; 32]), [n; 24]);
            backup.store(vec![key]).await.unwrap();
        }
        // As another server would, once it is known what is erased and nothing is copied yet.
        let erase = async || {
            let entry = EntryId::new(Uuid::from_u128(9));
            let command = EraseSealedText {
                entry,
                data_keys: vec![erased],
                ground: ErasureGround::ConsentWithdrawn,
                partnership: None,
            };
            let target = Target::Stream(stream_of(entry).id);
            let request = Request::plain(OPERATOR, target, ErasureCommand::from(command));
            bus.execute::<Erasure>(request).await.unwrap();
        };
        let mut first = true;
        let nonce = || {
            if std::mem::take(&mut first) {
                block_in_place(|| Handle::current().block_on(erase()));
            }
            edge().random()
        };
        let back = bring_back(bus.ledger(), &backup, bus.vault(), nonce).await;
        assert_eq!(back.unwrap(), 1);
        let held = bus.vault().held(&[erased, kept]).await.unwrap();
        assert_eq!(held, [kept]);
        backup.close().await.unwrap();
        bus.close().await;
    }
}
