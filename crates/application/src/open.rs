//! Opening a ledger with its keys: the files, the master key, the first entry.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dutyledger_domain::Payload;
use dutyledger_domain::rules;
use dutyledger_domain::streams::LedgerStream;
use dutyledger_domain::streams::ledger::{LedgerEvent, LedgerMode, LedgerOpened};
use dutyledger_ledger::{
    Ledger, LedgerReader, OpenError, Opening, Options, Place, PostgresUrl, Vault, VaultError,
    create_secret_file, request_digest,
};
use dutyledger_record::{
    Basis, DataKey, Draft, EntryError, EntryId, Envelope, LedgerId, OccurredOn, Principal,
    RulePackRef, Standing, Stream, StreamId, hex, unhex,
};

use crate::bus::Bus;
use crate::edge::{Edge, london_date};
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

/// The key that wraps the keys of sealed texts, and from which the server's own keys are made.
#[derive(Clone, Debug)]
pub struct MasterKey(DataKey);

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
                Some(key) => Ok(Self(DataKey(key))),
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
                create_secret_file(path, (hex(&key) + "\n").as_bytes()).map_err(|e| wrong(e.to_string()))?;
                Ok(Self(DataKey(key)))
            }
            Err(e) => Err(wrong(e.to_string())),
        }
    }

    /// A key of the server's own for one purpose.
    #[must_use]
    pub fn derived(&self, purpose: &str) -> [u8; 32] {
        request_digest(&self.0.0, &[b"dutyledger", purpose.as_bytes()])
    }
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
        let master = MasterKey::open(home, &edge).await?;
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
        let vault = Vault::open(&home.keys, master.0.clone()).await?;
        let adopted = load::rules(&ledger, None).await?;
        if rules::pack(&adopted.pack, adopted.revision).is_none() {
            return Err(HomeError::NewerRules(adopted));
        }
        Ok((Self::new(ledger, vault, edge), master))
    }
}
