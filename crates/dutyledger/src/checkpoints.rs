//! Signed checkpoints: keeping their key, signing, proving, and watching somebody else's.

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use dutyledger_application::{Bus, Checkpoints, CommandError, Request, Target};
use dutyledger_audit::export::adopted;
use dutyledger_domain::streams::LedgerStream;
use dutyledger_domain::streams::ledger::{
    AdoptCheckpointKey, CheckpointKeyAdopted, CheckpointKeyReplaced, LedgerCommand,
};
use dutyledger_ledger::{
    KeptAs, KeptHead, LedgerReader, NotedHead, beside, create_secret_file, replace_file, sync_name,
};
use dutyledger_proofs::{Note, SigningKey};
use dutyledger_record::{EntryId, LedgerId, StreamId, hex};
use dutyledger_transparency::{
    Alarm, InARow, Keeper, Log, LogError, Proven, Signed, Source, Trusted, Watch, WatchError,
};

use crate::cli::{CheckpointSettings, ProveSettings, SignSettings, WatchSettings};
use crate::exit::Failure;
use crate::keys::{AT_THE_FILE, edge};

/// How often a last checkpoint is signed anew where servers record meanwhile.
const ADOPT_ATTEMPTS: u32 = 64;
/// The most bytes of what a watch fetches: a checkpoint, or a tile.
const FETCHED_MAX: u64 = 256 * 1024;
/// How many looks in a row may show no checkpoint before somebody has to look into it.
const SILENT_MAX: u32 = 12;
/// After how many looks in a row that show the same checkpoint it is told. A ledger in which nothing is
/// recorded is quiet, so that is no alarm.
const STILL_MAX: u32 = 12;
/// How many checkpoints that show the same kind of thing are kept: anybody on the line can send any
/// number that nobody signed.
const KEPT_MAX: u32 = 16;
/// How long a watch waits for an answer.
const FETCHED_IN: Duration = Duration::from_secs(30);

/// Reads a signing key; nothing where there is no file.
fn read_key(path: &Path) -> Result<Option<SigningKey>, Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => zeroize::Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(path, error)),
    };
    let key = SigningKey::from_text(text.trim());
    key.map(Some).map_err(|error| wrong(path, error))
}

pub(crate) fn wrong(path: &Path, why: impl Display) -> Failure {
    Failure::cannot_open(format!("{}: {why}", path.display()))
}

/// The file a new key is in until the ledger has adopted it.
fn next(path: &Path) -> PathBuf {
    beside(path, ".next")
}

/// The key the ledger adopted last, from its file. A change of keys that was cut short is brought to
/// its end first.
fn current_key(
    files: &Checkpoints,
    keys: &[CheckpointKeyAdopted],
) -> Result<Option<SigningKey>, Failure> {
    let path = &files.signing_key;
    let Some(adopted) = keys.last() else {
        return match path.exists() {
            true => Err(wrong(
                path,
                "the ledger has not adopted this key: run `dutyledger audit new-key`, which does, \
                 or move the file away",
            )),
            false => Ok(None),
        };
    };
    let is_adopted = |key: &SigningKey| key.verifier().to_string() == adopted.key;
    let (held, fresh) = (read_key(path)?, read_key(&next(path))?);
    if let Some(key) = fresh.filter(is_adopted) {
        take_place(path)?;
        return Ok(Some(key));
    }
    match held {
        Some(key) if is_adopted(&key) => Ok(Some(key)),
        Some(_) => Err(wrong(
            path,
            "this is not the key the ledger adopted last: put that one here, or move this file away \
             to serve without signing checkpoints",
        )),
        None => Ok(None),
    }
}

fn take_place(path: &Path) -> Result<(), Failure> {
    let moved = fs::rename(next(path), path).and_then(|()| sync_name(path));
    moved.map_err(|error| wrong(path, error))
}

/// The head of the newest checkpoint that was signed, which the ledger must go on from.
pub(crate) fn newest_signed(file: &Path) -> Result<Option<KeptHead>, Failure> {
    let signed = Signed::read(file).map_err(|error| wrong(file, error))?;
    let Some(Signed { checkpoint, .. }) = signed else {
        return Ok(None);
    };
    let origin = &checkpoint.origin;
    let ledger_id = origin.parse::<LedgerId>().map_err(|_| {
        let why = format!("it is of {origin}, which is not a ledger: name the right file");
        wrong(file, why)
    })?;
    Ok(Some(KeptHead {
        file: file.to_owned(),
        kept: KeptAs::Checkpoint,
        head: NotedHead {
            ledger_id,
            position: checkpoint.size,
            root: hex(&checkpoint.root),
        },
    }))
}

/// What keeps the checkpoints of a ledger that is served, where there is a key for them.
pub(crate) async fn keeper(
    bus: &Bus,
    files: &Checkpoints,
    every: Duration,
) -> Result<Option<(Keeper, Log)>, Failure> {
    let reader: LedgerReader = (**bus.ledger()).clone();
    let keys = adopted(&reader, None).await?;
    let Some(key) = current_key(files, &keys)? else {
        tracing::info!("no checkpoints are signed: there is no key (`dutyledger audit new-key`)");
        return Ok(None);
    };
    open(reader, key, files, every).map(Some)
}

fn open(
    ledger: LedgerReader,
    key: SigningKey,
    files: &Checkpoints,
    every: Duration,
) -> Result<(Keeper, Log), Failure> {
    let opened = Keeper::open(ledger, key, &files.tiles, files.newest.clone(), every);
    opened.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => Failure::in_use(error),
        _ => wrong(&files.tiles, error),
    })
}

/// Makes a key, and records that the ledger adopts it. Where another is in use it signs its last
/// checkpoint first, and the entry names that.
pub(crate) async fn new_key(settings: &CheckpointSettings, json: bool) -> Result<(), Failure> {
    let home = settings.place.home_to_append()?;
    let files = settings.files.of(&settings.place, &home);
    // Owning the ledger keeps a server of a file out.
    let (bus, _) = Bus::open(&home, settings.place.mode.into(), edge()).await?;
    let done = change_key(&bus, &files).await;
    bus.close().await;
    let adopted = done?;
    if json {
        println!(
            "{}",
            json!({ "key": adopted.key, "replaces": adopted.replaces })
        );
    } else {
        println!("{}", adopted.key);
        eprintln!(
            "Hand this key to those who check the ledger, and not over the line they check it on. \
             Keep a copy of {} where the database is not.",
            files.signing_key.display()
        );
    }
    Ok(())
}

async fn change_key(bus: &Bus, files: &Checkpoints) -> Result<AdoptCheckpointKey, Failure> {
    let ledger: LedgerReader = (**bus.ledger()).clone();
    let keys = adopted(&ledger, None).await?;
    let (fresh, in_place) = fresh_key(bus, files, keys.is_empty())?;
    let (key, stream) = (fresh.verifier().to_string(), ledger.id().uuid());
    let adopts = |replaces| {
        let adopt = AdoptCheckpointKey {
            key: key.clone(),
            replaces,
        };
        let command = LedgerCommand::from(adopt.clone());
        let stream = Target::Stream(StreamId::new(stream));
        (adopt, Request::plain(AT_THE_FILE, stream, command))
    };
    // Whoever keeps these files keeps them until the new key has signed: nobody else signs with them.
    let (mut keeper, adopt) = match keys.last() {
        None => {
            let (keeper, _) = open(ledger.clone(), fresh, files, Duration::MAX)?;
            let (adopt, request) = adopts(None);
            let _ = bus.execute::<LedgerStream>(request).await?;
            (keeper.none_was_published(), adopt)
        }
        Some(used) => {
            let Some(old) = current_key(files, &keys)? else {
                return Err(wrong(
                    &files.signing_key,
                    "the key in use is missing, and it has to sign its last checkpoint",
                ));
            };
            let (mut keeper, _) = open(ledger.clone(), old, files, Duration::MAX)?;
            let mut attempts = 0..ADOPT_ATTEMPTS;
            let adopt = loop {
                let last = keeper.sign().await?;
                let size = last.checkpoint.size;
                let (adopt, request) = adopts(Some(CheckpointKeyReplaced {
                    key: used.key.clone(),
                    root: hex(&last.checkpoint.root),
                    size,
                }));
                // Nothing is recorded in between, so no server signs more with the old key.
                match bus.execute_next_to::<LedgerStream>(size, request).await {
                    Err(CommandError::Conflict) if attempts.next().is_some() => {}
                    Err(CommandError::Conflict) => {
                        return Err(Failure::in_use(
                            "servers keep recording, so no checkpoint stays the last: stop every \
                             server first. Nothing was recorded",
                        ));
                    }
                    other => {
                        let _ = other?;
                        break adopt;
                    }
                }
            };
            (keeper.signing_with(fresh), adopt)
        }
    };
    if !in_place {
        take_place(&files.signing_key)?;
    }
    // From now on there is a checkpoint that whoever signs goes on from.
    let _ = keeper.sign().await?;
    Ok(adopt)
}

/// The key to adopt, and whether its file has its place already. The first may be there, and one that
/// was made before and not adopted is taken.
fn fresh_key(bus: &Bus, files: &Checkpoints, first: bool) -> Result<(SigningKey, bool), Failure> {
    let name = bus.ledger().id().to_string();
    let path = next(&files.signing_key);
    let held = match first {
        true => read_key(&files.signing_key)?,
        false => None,
    };
    let in_place = held.is_some();
    let key = match held.map_or_else(|| read_key(&path), |key| Ok(Some(key)))? {
        Some(key) => key,
        None => {
            let seed = zeroize::Zeroizing::new(bus.edge().random());
            let key = SigningKey::from_seed(&name, &seed).map_err(Failure::other)?;
            create_secret_file(&path, key.to_text().as_bytes())
                .map_err(|error| wrong(&path, error))?;
            key
        }
    };
    if key.verifier().name() != name {
        let of = key.verifier().name();
        return Err(Failure::refused(format!(
            "the key is of another ledger: {of}"
        )));
    }
    Ok((key, in_place))
}

/// Signs a checkpoint of all there is, where no server does.
pub(crate) async fn checkpoint(settings: &SignSettings) -> Result<(), Failure> {
    let SignSettings {
        checkpoint: CheckpointSettings { place, files },
        none_was_published,
    } = settings;
    let home = place.home()?;
    let files = files.of(place, &home);
    let ledger = LedgerReader::open(&home.ledger).await;
    let ledger = ledger.map_err(Failure::cannot_open)?;
    let keys = adopted(&ledger, None).await?;
    let Some(key) = current_key(&files, &keys)? else {
        return Err(wrong(
            &files.signing_key,
            "there is no key: `dutyledger audit new-key` makes one",
        ));
    };
    let (mut keeper, _) = open(ledger.clone(), key, &files, Duration::MAX)?;
    if *none_was_published {
        keeper = keeper.none_was_published();
    }
    let signed = keeper.sign().await?;
    ledger.close().await;
    print!("{}", signed.note);
    Ok(())
}

/// The newest checkpoint that was signed, and the hashes it was made of.
pub(crate) fn proven(files: &Checkpoints) -> Result<Proven, Failure> {
    let path = &files.newest;
    let signed = Signed::read(path).map_err(|error| wrong(path, error))?;
    let signed = signed.ok_or_else(|| {
        wrong(
            path,
            "no checkpoint was signed yet: serve with a key, or run `dutyledger audit checkpoint`",
        )
    })?;
    let proven = Proven::by(signed, &files.tiles).map_err(|error| wrong(&files.tiles, error))?;
    let damaged = "the hashes are not those of the newest checkpoint: start the server, or run \
                   `dutyledger audit checkpoint`, and they are made anew";
    proven.ok_or_else(|| wrong(&files.tiles, damaged))
}

/// Writes the proof that an entry is in the ledger.
pub(crate) async fn prove(settings: &ProveSettings) -> Result<(), Failure> {
    let home = settings.place.home()?;
    let proven = proven(&settings.files.of(&settings.place, &home))?;
    let ledger = LedgerReader::open(&home.ledger).await;
    let ledger = ledger.map_err(Failure::cannot_open)?;
    let entry = ledger.entry(EntryId::new(settings.entry_id)).await;
    let entry = entry.map_err(Failure::other)?;
    let entry = entry.ok_or_else(|| Failure::refused("there is no such entry"))?;
    ledger.close().await;
    let proof = proven
        .inclusion(entry.position)
        .map_err(|error| match error {
            LogError::Beyond(size) => Failure::refused(format!(
                "the entry was recorded after the newest checkpoint, which covers {size} entries"
            )),
            error => Failure::other(error),
        });
    print!("{}", proof?);
    Ok(())
}

/// A server's log.
struct Fetched {
    agent: ureq::Agent,
    /// The address that paths are added to.
    log: String,
}

impl Source for Fetched {
    fn get(&mut self, path: &str) -> Result<Vec<u8>, String> {
        let url = format!("{}/{path}", self.log.trim_end_matches('/'));
        let mut answer = self.agent.get(url).call().map_err(|e| e.to_string())?;
        let body = answer.body_mut().with_config().limit(FETCHED_MAX);
        body.read_to_vec().map_err(|e| e.to_string())
    }
}

/// Watches a ledger, from somebody else's machine.
pub(crate) fn watch(settings: &WatchSettings, json: bool) -> Result<(), Failure> {
    let opened = Watch::open(settings.trusted_key.clone(), &settings.state);
    let opened = match &settings.tiles {
        Some(folder) => opened.and_then(|watch| watch.keeping(folder)),
        None => opened,
    };
    let mut watch = opened.map_err(Failure::cannot_open)?;
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(FETCHED_IN))
        .build();
    let mut source = Fetched {
        agent: ureq::Agent::new_with_config(config),
        log: settings.log.clone(),
    };
    let mut looks = Looks::of(&settings.state, settings.every.is_some(), json);
    loop {
        looks.one(&mut watch, &mut source)?;
        let Some(every) = settings.every else {
            return Ok(());
        };
        std::thread::sleep(Duration::from_secs(every.into()));
    }
}

/// The looks of a watch, one after the other.
struct Looks<'s> {
    state: &'s Path,
    /// Whether there is another look after this one.
    again: bool,
    /// How many in a row showed no checkpoint.
    silent: InARow,
    /// How many in a row showed the one that was trusted before.
    still: InARow,
    json: bool,
}

impl<'s> Looks<'s> {
    fn of(state: &'s Path, again: bool, json: bool) -> Self {
        Self {
            state,
            again,
            silent: InARow::beside(state, ".silent"),
            still: InARow::beside(state, ".still"),
            json,
        }
    }

    /// Looks once, and tells what it saw. What passes by itself is told and looked at again.
    fn one(&mut self, watch: &mut Watch, source: &mut dyn Source) -> Result<(), Failure> {
        match watch.look(source) {
            Ok(trusted) => {
                self.silent.none().map_err(Failure::other)?;
                self.tell(&trusted)?;
            }
            Err(WatchError::Alarm { alarm, note }) => {
                let kept = keep(self.state, alarm.kind(), &alarm, &note)?;
                let told = format!("{alarm}. {kept}");
                return Err(match alarm {
                    Alarm::Contradicted { .. } => Failure::contradicted(told),
                    _ => Failure::alarm(told),
                });
            }
            Err(WatchError::Unproven { cause, note }) => {
                let error = format!("nothing shows that the ledger goes on: {cause}");
                let kept = keep(self.state, Alarm::UNPROVEN, &error, &note)?;
                let error = format!("{error}. {kept}");
                self.silent.none().map_err(Failure::other)?;
                if !self.again {
                    return Err(Failure::other(error));
                }
                eprintln!("dutyledger: {error}");
            }
            Err(error) if error.is_own() => return Err(Failure::other(error)),
            Err(error) => {
                if self.silent.one_more().map_err(Failure::other)? >= SILENT_MAX {
                    return Err(Failure::alarm(format!(
                        "for {SILENT_MAX} looks in a row no checkpoint came that could be trusted: \
                         {error}. Ask those who run the ledger, and not over this line"
                    )));
                }
                if !self.again {
                    return Err(Failure::other(error));
                }
                eprintln!("dutyledger: {error}");
            }
        }
        Ok(())
    }

    fn tell(&self, trusted: &Trusted) -> Result<(), Failure> {
        let (size, root) = (trusted.now.size, hex(&trusted.now.root));
        if self.json {
            let seen = json!({ "before": trusted.before, "size": size, "root": root });
            println!("{seen}");
        } else {
            match trusted.before {
                Some(before) => println!("{size} entries, grown from {before}: {root}"),
                None => println!("{size} entries, from now on: {root}"),
            }
        }
        let still = match trusted.before {
            Some(before) if before == size => self.still.one_more(),
            _ => self.still.none().map(|()| 0),
        };
        let still = still.map_err(Failure::other)?;
        if still > 0 && still.is_multiple_of(STILL_MAX) {
            eprintln!(
                "dutyledger: the ledger has {size} entries for {still} looks in a row. Where something \
                 was recorded meanwhile, it is not shown what"
            );
        }
        Ok(())
    }
}

/// Keeps the checkpoint that shows what is wrong beside what was trusted, and tells where. None that is
/// kept makes room for another, which may be sent so that the first is lost: each kind has room of its
/// own.
fn keep(state: &Path, kind: &str, why: &dyn Display, note: &Note) -> Result<String, Failure> {
    let note = note.to_string();
    for n in 1..=KEPT_MAX {
        let path = beside(state, &format!(".alarm-{kind}-{n}"));
        let failed = |error| wrong(&path, format!("{error}; {why}"));
        match fs::read(&path) {
            Ok(kept) if kept != note.as_bytes() => continue,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                replace_file(&path, note.as_bytes()).map_err(failed)?;
            }
            Err(error) => return Err(failed(error)),
        }
        let path = path.display();
        return Ok(format!("The checkpoint that shows it is kept in {path}"));
    }
    let first = beside(state, &format!(".alarm-{kind}-1"));
    Ok(format!(
        "Of such checkpoints {KEPT_MAX} are kept already, from {} on, and this one is not",
        first.display()
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use dutyledger_proofs::Checkpoint;
    use dutyledger_record::{Frontier, leaf_hash};

    use super::*;

    const LEDGER: &str = "a-ledger";
    const PAGE: &[u8] = b"<!doctype html><title>Back soon</title>";

    /// What a log answers, one answer after the other. Its tiles are withheld, or of nothing it signed.
    struct Answers(VecDeque<Result<Vec<u8>, String>>, Option<u8>);

    impl Source for Answers {
        fn get(&mut self, path: &str) -> Result<Vec<u8>, String> {
            match (path, self.1) {
                ("checkpoint", _) => self.0.pop_front().expect("a look too many"),
                (tile, Some(byte)) => {
                    let width = tile.rsplit('/').next().and_then(|width| width.parse().ok());
                    Ok(vec![byte; 32 * width.unwrap_or(256)])
                }
                (_, None) => Err("503".to_owned()),
            }
        }
    }

    fn key() -> SigningKey {
        SigningKey::from_seed(LEDGER, &[7; 32]).unwrap()
    }

    fn signed(size: u64) -> Result<Vec<u8>, String> {
        let mut tree = Frontier::empty();
        (0..size).for_each(|n| tree.push(leaf_hash(&n.to_string())));
        let checkpoint = Checkpoint {
            origin: LEDGER.to_owned(),
            size,
            root: tree.root(),
        };
        Ok(checkpoint.sign(&key()).unwrap().to_string().into_bytes())
    }

    /// Looks until it ends, and tells after how many looks that was, and with what.
    fn watched(
        answers: impl IntoIterator<Item = Result<Vec<u8>, String>>,
        again: bool,
    ) -> (usize, Failure) {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("trusted");
        let mut watch = Watch::open(key().verifier().clone(), &state).unwrap();
        let mut source = Answers(answers.into_iter().collect(), None);
        let mut looks = Looks::of(&state, again, true);
        let ended = (1..).find_map(|n| Some((n, looks.one(&mut watch, &mut source).err()?)));
        let ended = ended.unwrap();
        assert!(source.0.is_empty(), "it ended before the last answer");
        ended
    }

    fn gone() -> Result<Vec<u8>, String> {
        Err("connection refused".to_owned())
    }

    #[test]
    fn a_watch_goes_on_after_what_passes_and_ends_where_nothing_proves_that_the_ledger_goes_on() {
        let page = || Ok(PAGE.to_vec());
        let answers = [
            gone(),
            page(),
            signed(1),
            gone(),
            signed(1),
            page(),
            signed(2),
            page(),
            signed(3),
            gone(),
            signed(3),
        ];
        let (looks, failure) = watched(answers, true);
        assert_eq!(looks, 11);
        let told = format!("{failure:?}");
        assert!(
            told.contains("code: 8") && told.contains("withheld"),
            "{told}"
        );
    }

    #[test]
    fn a_log_that_answers_with_no_checkpoint_look_after_look_is_an_alarm() {
        for silent in [gone(), Ok(PAGE.to_vec())] {
            let none = || std::iter::repeat_n(silent.clone(), 11);
            // What is trusted begins the count anew.
            let answers = none()
                .chain([signed(1)])
                .chain(none())
                .chain([silent.clone()]);
            let (looks, failure) = watched(answers, true);
            assert_eq!(looks, 24);
            let told = format!("{failure:?}");
            assert!(
                told.contains("code: 8") && told.contains("12 looks"),
                "{told}"
            );
        }
    }

    #[test]
    fn looks_that_are_each_a_run_of_their_own_are_counted_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("trusted");
        let run = |answer| {
            let mut watch = Watch::open(key().verifier().clone(), &state).unwrap();
            let mut source = Answers(VecDeque::from([answer]), None);
            let ended = Looks::of(&state, false, true).one(&mut watch, &mut source);
            ended.map_err(|failure| format!("{failure:?}"))
        };
        for _ in 0..11 {
            assert!(run(gone()).unwrap_err().contains("code: 1"));
        }
        // What is trusted begins the count anew.
        run(signed(1)).unwrap();
        for _ in 0..11 {
            assert!(run(Ok(PAGE.to_vec())).unwrap_err().contains("code: 1"));
        }
        for _ in 0..2 {
            let told = run(gone()).unwrap_err();
            assert!(
                told.contains("code: 8") && told.contains("12 looks"),
                "{told}"
            );
        }
    }

    #[test]
    fn hashes_that_contradict_the_checkpoint_end_a_watch_with_a_code_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("trusted");
        let mut watch = Watch::open(key().verifier().clone(), &state).unwrap();
        let mut source = Answers(VecDeque::from([signed(3), signed(5)]), Some(7));
        let mut looks = Looks::of(&state, true, true);
        looks.one(&mut watch, &mut source).unwrap();
        let told = format!("{:?}", looks.one(&mut watch, &mut source).unwrap_err());
        assert!(
            told.contains("code: 10") && told.contains("contradicts itself"),
            "{told}"
        );
        let evidence = fs::read(beside(&state, ".alarm-contradicted-1")).unwrap();
        assert_eq!(evidence, signed(5).unwrap());
    }

    #[test]
    fn the_checkpoint_that_shows_what_is_wrong_is_kept_whatever_comes_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("trusted");
        let other = SigningKey::from_seed(LEDGER, &[8; 32]).unwrap();
        let junk = |size: u64| {
            let root = [9; 32];
            let origin = LEDGER.to_owned();
            let unsigned = Checkpoint { origin, size, root }.sign(&other);
            Ok(unsigned.unwrap().to_string().into_bytes())
        };
        let rolled_back = || [signed(4), signed(2), signed(4)];
        let answers = [signed(5)].into_iter().chain(rolled_back());
        let answers = answers.chain((1..=100).map(junk)).chain(rolled_back());
        let mut source = Answers(answers.collect(), None);
        let mut watch = Watch::open(key().verifier().clone(), &state).unwrap();
        let mut looks = Looks::of(&state, true, true);
        looks.one(&mut watch, &mut source).unwrap();
        while !source.0.is_empty() {
            let told = format!("{:?}", looks.one(&mut watch, &mut source).unwrap_err());
            assert!(told.contains("code: 8"), "{told}");
        }
        let files = fs::read_dir(folder.path()).unwrap();
        let kept: Vec<_> = files
            .map(|f| fs::read(f.unwrap().path()).unwrap())
            .collect();
        let times = |sought: Vec<u8>| kept.iter().filter(|bytes| **bytes == sought).count();
        for shows in [signed(4), signed(2), junk(1)] {
            assert_eq!(times(shows.unwrap()), 1, "each of them is kept, and once");
        }
        assert!(kept.len() < 30, "whoever sends junk does not fill the disk");
    }

    #[test]
    fn a_single_look_that_shows_nothing_says_so() {
        for answer in [gone(), Ok(PAGE.to_vec())] {
            let (looks, failure) = watched([answer], false);
            assert_eq!(looks, 1);
            assert!(format!("{failure:?}").contains("code: 1"), "{failure:?}");
        }
    }
}
