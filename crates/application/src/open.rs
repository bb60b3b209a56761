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
    Ledger, LedgerReader, OpenError, Opening, Options, Place, PostgresUrl, Vault, VaultError,
    create_secret_file, request_digest, sync_name,
};
use dutyledger_record::{
    Basis, DataKey, Draft, EntryError, EntryId, Envelope, KeyId, LedgerId, NaturalKey, OccurredOn,
    Principal, RulePackRef, Standing, Stream, StreamId, hex, unhex,
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
            let id = KeyId::new(NaturalKey(&["own-key", purpose]).stream_id().uuid());
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

/// Where the next master key is while it takes the place of the one before.
fn next_key(path: &Path) -> PathBuf {
    let mut next = path.as_os_str().to_owned();
    next.push(".next");
    next.into()
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
        // The key before the ledger: a ledger that is there has one.
        let mut master = MasterKey::open(home, &edge).await?;
        let opening_edge = edge.clone();
        let ledger = Ledger::open(
            Options {
                noted: Some(home.noted_head.clone()),
                ..Options::at(&home.ledger)
            },
            std::sync::Arc::clone(&edge.clock),
            move |_| opening(&opening_edge, mode),
        )
        .await?;
        let vault = master.open_vault(home).await?;
        master.read_own(&vault, &edge).await?;
        // Before anything is served: a key may have come back with a backup.
        let again = erasure::destroy_again(&ledger, &vault).await;
        let again = again.map_err(HomeError::Erase)?;
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
        Ok((Self::new(ledger, vault, edge), master))
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
    /// When the file is there, or a file or the vault fails.
    pub async fn back_up_keys(home: &Home, to: &Path, edge: &Edge) -> Result<u64, HomeError> {
        let master = read_key(&home.master_key)?;
        let from = Vault::open(&home.keys, master.clone()).await?;
        // Made before SQLite opens it, so that nobody else may read it and nothing is overwritten.
        create_secret_file(to, b"").map_err(|e| {
            OpenError::Io(io::Error::new(e.kind(), format!("{}: {e}", to.display())))
        })?;
        let backup = Vault::open(to.to_owned(), master).await?;
        let copied = from
            .copy_to(&backup, &BTreeSet::new(), || edge.random())
            .await?;
        backup.close().await?;
        from.close().await?;
        sync_name(to).map_err(OpenError::Io)?;
        Ok(copied)
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
            let absent = io::Error::new(io::ErrorKind::NotFound, from.display().to_string());
            return Err(OpenError::Io(absent).into());
        }
        let (bus, _) = Self::open(home, mode, edge.clone()).await?;
        let backup = Vault::open(from.to_owned(), master).await?;
        let erased = erasure::named(bus.ledger()).await?;
        let restored = backup
            .copy_to(bus.vault(), &erased, || edge.random())
            .await?;
        backup.close().await?;
        bus.close().await;
        Ok(restored)
    }
}
