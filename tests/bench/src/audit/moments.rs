//! Answers about one partnership of a nation, as true on a date and as known at a position.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use chrono::{Days, NaiveDate};
use dutyledger_application::{Home, load};
use dutyledger_audit::replay::{Question, replay};
use dutyledger_audit::{AsOf, belonging};
use dutyledger_domain::streams::Partnership;
use dutyledger_domain::{Histories, StreamKind};
use dutyledger_ledger::LedgerReader;
use dutyledger_projections::Links;
use dutyledger_record::{Stream, StreamId, StreamType};
use dutyledger_test_nation::{Nation, Random, Size, fill};
use dutyledger_test_postgres::Postgres;
use futures_util::{StreamExt, TryStreamExt, stream};
use uuid::Uuid;

use crate::Fallible;
use crate::ours::Ours;
use crate::sample::Sample;
use crate::store::{Db, Store};

/// How often a moment is drawn at which nothing was known of the partnership yet.
const DRAWN_MOST: usize = 100;

/// A nation in a ledger, and what is asked of it.
pub(crate) struct Asked {
    store: Store,
    home: Home,
    questions: Vec<Moment>,
    /// How many entries there are, and how many a second were decided and recorded.
    pub(crate) filled: String,
}

/// A partnership and a moment, and what an answer rests on.
struct Moment {
    partnership: StreamId,
    as_of: AsOf,
    /// Each stream, and how many of its entries were recorded by then.
    streams: Vec<(Stream, u64)>,
}

impl Moment {
    fn entries(&self) -> u64 {
        self.streams.iter().map(|(_, entries)| entries).sum()
    }
}

/// The positions of every stream's entries, as the raw driver finds them.
type Positions = BTreeMap<Stream, Vec<u64>>;

impl Asked {
    /// Fills a ledger with a nation, and draws the questions.
    pub(crate) async fn ready(
        db: Db,
        server: Option<&Postgres>,
        size: Size,
        count: usize,
    ) -> Fallible<Self> {
        let store = Store::new(db, server)?;
        let ours = Ours::open_alone(&store).await?;
        let since = Instant::now();
        let mut nation = Nation::new(size, ours.bus().ledger().id());
        let entries = fill(
            ours.bus().ledger(),
            ours.bus().vault(),
            &mut nation,
            |_, _| {},
        );
        let entries = entries.await?;
        let rate = entries as f64 / since.elapsed().as_secs_f64();
        let home = ours.home().clone();
        dutyledger_projections::rebuild(home.projections.clone(), ours.bus().ledger(), |_, _| {})
            .await?;
        ours.close().await?;
        store.settle(server).await?;
        let mut asked = Self {
            filled: format!(
                "{}: a nation of {} areas and {} years, {entries} entries, decided and recorded at \
                 {rate:.0} a second",
                db.name(),
                size.areas,
                size.years
            ),
            questions: Vec::new(),
            store,
            home,
        };
        asked.draw(size, count).await?;
        let rests_on = asked.median_entries();
        asked.filled += &format!("; an answer rests on {rests_on} of them in the median");
        Ok(asked)
    }

    /// Draws questions: partnerships spread over the nation, dates over its years, and positions
    /// over what was recorded since the partnership began.
    async fn draw(&mut self, size: Size, count: usize) -> Fallible<()> {
        let positions = positions(&self.store).await?;
        let partnerships: Vec<_> = positions
            .iter()
            .filter(|(stream, _)| stream.stream_type == Partnership::TYPE)
            .collect();
        let ledger = self.reader().await?;
        let links = self.links().await?;
        let head = ledger.last_position().await?;
        let mut random = Random::seeded(size.seed);
        let days = u64::from(size.years) * 365;
        for number in 0..count {
            let (stream, own) = partnerships[number * partnerships.len() / count];
            let began = *own.first().ok_or("an empty stream")?;
            let mut moment = None;
            for _ in 0..DRAWN_MOST {
                let ago = Days::new(random.below(days));
                let as_of = AsOf {
                    on: size.today().checked_sub_days(ago).unwrap_or(NaiveDate::MIN),
                    known_at: began + random.below(head + 1 - began),
                };
                let (histories, said) = self.answer((&ledger, &links), stream.id, as_of).await?;
                if said.is_some() {
                    moment = Some(rests_on(&positions, stream.id, as_of, &histories)?);
                    break;
                }
            }
            self.questions.push(moment.ok_or("nothing is known of it")?);
        }
        links.close().await;
        ledger.close().await;
        Ok(())
    }

    async fn reader(&self) -> Fallible<LedgerReader> {
        Ok(LedgerReader::open(self.home.ledger.clone()).await?)
    }

    async fn links(&self) -> Fallible<Links> {
        Ok(Links::open(self.home.projections.clone()).await?)
    }

    /// As `dutyledger audit replay obligations --json` answers, everything being open.
    async fn answer(
        &self,
        (ledger, links): (&LedgerReader, &Links),
        partnership: StreamId,
        as_of: AsOf,
    ) -> Fallible<(Histories, Option<String>)> {
        let known = links.belonging(ledger, partnership).await?;
        let own = belonging(ledger, partnership, known, |_, _| {}).await?;
        let histories = load::of_partnership(ledger, partnership, own, as_of.known_at).await?;
        let said = replay(partnership, Question::Obligations, &histories, as_of);
        let said = said.map(|said| serde_json::to_string(&said)).transpose()?;
        Ok((histories, said))
    }

    /// Ours: every question answered.
    pub(crate) async fn answers(&self) -> Fallible<Sample> {
        let ledger = self.reader().await?;
        let links = self.links().await?;
        let mut times = Vec::with_capacity(self.questions.len());
        for moment in &self.questions {
            let since = Instant::now();
            let answer = self.answer((&ledger, &links), moment.partnership, moment.as_of);
            let (histories, said) = answer.await?;
            times.push(since.elapsed());
            if said.is_none() || read_of(&histories) != moment.entries() {
                return Err("an answer rests on other entries".into());
            }
        }
        links.close().await;
        ledger.close().await;
        Ok(each(times))
    }

    /// The limit: the entries each answer rests on, read and decoded by the same reader, as many streams
    /// at once.
    pub(crate) async fn entries(&self) -> Fallible<Sample> {
        let ledger = self.reader().await?;
        let mut times = Vec::with_capacity(self.questions.len());
        for moment in &self.questions {
            let since = Instant::now();
            let reads = moment.streams.iter().map(|(stream, _)| {
                let (ledger, stream) = (ledger.clone(), stream.clone());
                let known_at = Some(moment.as_of.known_at);
                tokio::spawn(async move { decoded(&ledger, &stream, known_at).await })
            });
            let mut reads = stream::iter(reads).buffered(load::AT_ONCE);
            let mut read = 0;
            while let Some(found) = reads.next().await {
                read += found??;
            }
            times.push(since.elapsed());
            if read != moment.entries() {
                return Err("other entries were read".into());
            }
        }
        ledger.close().await;
        Ok(each(times))
    }

    /// Removes the database.
    pub(crate) fn remove(&self, server: Option<&Postgres>) {
        self.store.remove(server);
    }

    /// How many entries the questions' answers rest on, in the median.
    fn median_entries(&self) -> u64 {
        let mut all: Vec<u64> = self.questions.iter().map(Moment::entries).collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied().unwrap_or(0)
    }
}

/// How many entries a stream had at a position, each of them read and decoded.
async fn decoded(ledger: &LedgerReader, stream: &Stream, up_to: Option<u64>) -> Fallible<u64> {
    let mut read = 0;
    for stored in ledger.read_stream(stream, up_to).await? {
        read += 1;
        black_box(stored.record()?);
    }
    Ok(read)
}

fn each(times: Vec<Duration>) -> Sample {
    let all = times.iter().sum();
    Sample::of(times, 1, all)
}

/// How many entries histories were read from.
fn read_of(histories: &Histories) -> u64 {
    histories.versions().iter().map(|one| one.version).sum()
}

/// What an answer rests on, each stream at the version that the raw driver finds.
fn rests_on(
    positions: &Positions,
    partnership: StreamId,
    as_of: AsOf,
    histories: &Histories,
) -> Fallible<Moment> {
    let mut streams = Vec::new();
    for one in histories.versions() {
        let stream = Stream::new(one.stream_type, one.id);
        let all = positions.get(&stream).ok_or("an unknown stream")?;
        let then = all.partition_point(|at| *at <= as_of.known_at) as u64;
        if then != one.version {
            return Err(format!("{} of {then} entries of a stream", one.version).into());
        }
        streams.push((stream, then));
    }
    Ok(Moment {
        partnership,
        as_of,
        streams,
    })
}

const POSITIONS: &str = "SELECT position, stream_type, stream_id FROM entry ORDER BY position";

async fn positions(store: &Store) -> Fallible<Positions> {
    let mut all = Positions::new();
    let mut add = |position: i64, stream_type: &str, id: Uuid| {
        let stream = Stream::new(StreamType::read(stream_type), StreamId::new(id));
        let position = u64::try_from(position)?;
        all.entry(stream).or_default().push(position);
        Fallible::Ok(())
    };
    match store {
        Store::Sqlite { .. } => {
            let file = store.sqlite()?;
            let mut statement = file.prepare(POSITIONS)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let id: String = row.get(2)?;
                add(row.get(0)?, row.get_ref(1)?.as_str()?, id.parse()?)?;
            }
        }
        Store::Postgres { .. } => {
            let client = store.postgres().await?;
            client.batch_execute("SET search_path = ledger").await?;
            let none: [&str; 0] = [];
            let rows = client.query_raw(POSITIONS, none).await?;
            let mut rows = std::pin::pin!(rows);
            while let Some(row) = rows.try_next().await? {
                add(row.get(0), row.get(1), row.get(2))?;
            }
        }
    }
    Ok(all)
}
