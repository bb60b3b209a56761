//! Erasure: an entry first, then the key is destroyed. Who reads a sealed text, and that somebody
//! did.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use dutyledger_domain::streams::access::{AccessCommand, RecordAccess, Served};
use dutyledger_domain::streams::erasure::{
    EraseSealedText, ErasureCommand, ErasureEvent, ErasureGround, stream_of,
};
use dutyledger_domain::streams::{Access, Erasure};
use dutyledger_domain::{Payload, Refusal, RefusalCode};
use dutyledger_ledger::{LedgerReader, Vault};
use dutyledger_record::{EntryId, KeyId, PlainText, Principal, Record};

use crate::bus::{Answer, Bus, Request, Target};
use crate::error::CommandError;
use crate::load::{self, LoadError};
use crate::sealing::{open_one, sealed_texts};

/// How many erasures are read at once.
const PAGE: u32 = 1_000;
/// How many keys are destroyed at once at the most when a ledger is opened.
const DESTROYED_AT_ONCE: usize = 100_000;

/// Sealed texts to erase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erase {
    /// The entry they are in.
    pub entry: EntryId,
    /// The JSON pointers of the members within the record; all of them where empty. Texts under the
    /// same key are erased together.
    pub members: Vec<String>,
    /// Why.
    pub ground: ErasureGround,
}

/// What is erased of an entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Erased {
    /// The entries that say so; nothing where it was erased before.
    pub answer: Option<Answer>,
    /// The JSON pointers of the members erased, and when each was.
    pub members: Vec<(String, NaiveDate)>,
}

/// A sealed text as it is read, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextRead {
    /// The JSON pointer of the member within the record.
    pub member: String,
    /// The text. Missing where it was erased, and where its key is not there.
    pub text: Option<PlainText>,
    /// When it was erased.
    pub erased_on: Option<NaiveDate>,
}

/// What was erased of an entry: the data keys destroyed, and when.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn erased(
    ledger: &LedgerReader,
    entry: EntryId,
) -> Result<BTreeMap<KeyId, NaiveDate>, LoadError> {
    let history = load::history::<Erasure>(ledger, stream_of(entry).id, None).await?;
    Ok(history.state(NaiveDate::MAX).erased.clone())
}

/// The data keys that erasures name, a page at a time.
struct Named<'a> {
    ledger: &'a LedgerReader,
    after: Option<(dutyledger_record::StreamId, u64)>,
}

impl Named<'_> {
    async fn next(&mut self) -> Result<Option<Vec<KeyId>>, LoadError> {
        let page = self.ledger.erasures(self.after, PAGE).await?;
        let mut keys = Vec::with_capacity(page.len());
        for stored in &page {
            let record = stored.record()?;
            self.after = Some((record.entry.stream.id, record.entry.version));
            if let Some(Ok(ErasureEvent::SealedTextErased(erased))) =
                ErasureEvent::read(&record.event, record.entry.payload)
            {
                keys.push(erased.data_key);
            }
        }
        Ok((!page.is_empty()).then_some(keys))
    }
}

/// Every data key that an erasure names.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn named(ledger: &LedgerReader) -> Result<BTreeSet<KeyId>, LoadError> {
    let mut all = BTreeSet::new();
    let mut named = Named {
        ledger,
        after: None,
    };
    while let Some(keys) = named.next().await? {
        all.extend(keys);
    }
    Ok(all)
}

/// Destroys every key again that an erasure names: one that came back with a backup, or one that a
/// process named and did not live to destroy. Tells how many there were.
///
/// # Errors
/// When the ledger or the vault cannot be read, or a key not destroyed.
pub(crate) async fn destroy_again(
    ledger: &LedgerReader,
    vault: &Vault,
) -> Result<u64, CommandError> {
    let mut named = Named {
        ledger,
        after: None,
    };
    let (mut back, mut destroyed) = (Vec::new(), 0);
    while let Some(keys) = named.next().await? {
        back.extend(vault.held(&keys).await?);
        if back.len() >= DESTROYED_AT_ONCE {
            destroyed += vault.destroy(&std::mem::take(&mut back)).await?;
        }
    }
    if !back.is_empty() {
        destroyed += vault.destroy(&back).await?;
    }
    Ok(destroyed)
}

impl Bus {
    /// Erases sealed texts of an entry: it is recorded first, and then their keys are destroyed.
    /// Asked again, it destroys them again.
    ///
    /// # Errors
    /// As any command's; where the vault failed, the erasure is recorded, and asking again or the
    /// next start destroys the keys.
    pub async fn erase(&self, operator: Principal, erase: Erase) -> Result<Erased, CommandError> {
        let stored = self.ledger().entry(erase.entry).await?;
        let record = stored.ok_or(CommandError::Hidden)?.record()?;
        let texts = sealed_texts(&record);
        if texts.is_empty() {
            let refusal = Refusal::state("Nothing is sealed in this entry.");
            return Err(self.refuses(refusal, None).await?);
        }
        for (row, member) in erase.members.iter().enumerate() {
            if !texts.iter().any(|(known, _)| known == member) {
                let why = "No text is sealed in this member of the record.";
                let refusal = Refusal::invalid(&format!("/members/{row}"), why);
                return Err(self.refuses(refusal, None).await?);
            }
        }
        let chosen = |member: &String| erase.members.is_empty() || erase.members.contains(member);
        let keys: BTreeSet<KeyId> = texts
            .iter()
            .filter(|(member, _)| chosen(member))
            .map(|(_, sealed)| sealed.key_id)
            .collect();
        let command = EraseSealedText {
            entry: erase.entry,
            data_keys: keys.iter().copied().collect(),
            ground: erase.ground,
            partnership: record.entry.standing.partnerships.first().copied(),
        };
        let target = Target::Stream(stream_of(erase.entry).id);
        let request = Request {
            causation_id: Some(erase.entry),
            ..Request::plain(operator, target, ErasureCommand::from(command))
        };
        let answer = match self.execute::<Erasure>(request).await {
            Ok(answer) => Some(answer),
            Err(CommandError::Refused { refusal, .. })
                if refusal.code == RefusalCode::AlreadySo =>
            {
                None
            }
            Err(error) => return Err(error),
        };
        // Nothing is destroyed before the record says so, and everything that it says is.
        let dates = erased(self.ledger(), erase.entry).await?;
        let said = |key: &&KeyId| dates.contains_key(*key);
        let said: Vec<KeyId> = keys.iter().filter(said).copied().collect();
        let destroyed = self.vault().destroy(&said).await;
        destroyed.map_err(CommandError::NotDestroyed)?;
        if said.len() < keys.len() {
            // Another erased a part of it meanwhile, so that nothing was recorded of the rest.
            return Err(CommandError::Conflict);
        }
        let members = texts.into_iter().filter_map(|(member, sealed)| {
            let on = dates.get(&sealed.key_id)?;
            keys.contains(&sealed.key_id).then_some((member, *on))
        });
        Ok(Erased {
            answer,
            members: members.collect(),
        })
    }

    /// Records who is about to be served what. What is served must not leave before this answers.
    ///
    /// # Errors
    /// When it could not be recorded: then nothing may be served.
    pub async fn record_access(
        &self,
        reader: Principal,
        served: Served,
    ) -> Result<Answer, CommandError> {
        let command = AccessCommand::from(RecordAccess { reader, served });
        let request = Request::plain(Principal::SYSTEM, Target::New, command);
        self.execute::<Access>(request).await
    }

    /// Opens the sealed texts of a record for somebody who may read them, once it is recorded that
    /// they are served. What an erasure names is not opened, whether or not its key is there.
    ///
    /// # Errors
    /// When it could not be recorded, the keys cannot be read, or a text does not open in its place.
    pub async fn read_texts(
        &self,
        reader: Principal,
        record: &Record,
    ) -> Result<Vec<TextRead>, CommandError> {
        let entry = record.entry.entry_id;
        let texts = sealed_texts(record);
        let gone = erased(self.ledger(), entry).await?;
        let ids: Vec<KeyId> = texts
            .iter()
            .map(|(_, sealed)| sealed.key_id)
            .filter(|id| !gone.contains_key(id))
            .collect();
        let held = self.vault().held(&ids).await?;
        let gone = if held.is_empty() {
            gone
        } else {
            self.record_access(reader, Served::SealedText { entry })
                .await?;
            // What was erased meanwhile stands before the access in no record, and is not served.
            erased(self.ledger(), entry).await?
        };
        let mut read = Vec::with_capacity(texts.len());
        for (member, sealed) in texts {
            let erased_on = gone.get(&sealed.key_id).copied();
            let text = match erased_on {
                Some(_) => None,
                // Nothing is served that was not there when the access was recorded: a key may have
                // come back since, and without any there was none.
                None if !held.contains(&sealed.key_id) => None,
                None => open_one(self.vault(), record, &member, &sealed).await?,
            };
            read.push(TextRead {
                member,
                text,
                erased_on,
            });
        }
        Ok(read)
    }
}
