//! A whole nation made up from a seed, recorded and projected: what an auditor replays at the head of
//! the ledger is what the live rows say, for every partnership and every strategy.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{Months, NaiveDate};
use dutyledger_application::{Bus, Edge, Home, SystemEntropy, load};
use dutyledger_audit::replay::{Question, listed, replay, replay_strategy};
use dutyledger_audit::{AsOf, belonging};
use dutyledger_domain::streams::ledger::LedgerMode;
use dutyledger_domain::streams::{Direction, NeedsAssessment, Partnership, Strategy};
use dutyledger_domain::{Histories, StreamKind};
use dutyledger_ledger::{Place, SystemClock};
use dutyledger_projections::{Links, PAGE_ROWS_MAX, Projections};
use dutyledger_record::{Stream, StreamId};
use dutyledger_test_nation::{Nation, Size, fill};
use dutyledger_tests::long;
use serde::Serialize;
use serde_json::{Value, json};

fn value(of: &impl Serialize) -> Value {
    serde_json::to_value(of).unwrap()
}

/// What was compared, lest it be believed for nothing.
#[derive(Debug, Default)]
struct Compared {
    partnerships: usize,
    strategies: usize,
    reviews: usize,
    triggers: usize,
    obligations: usize,
    read_in_order: usize,
}

/// A nation in a ledger, and its rows.
struct Recorded {
    bus: Bus,
    rows: Projections,
    place: Place,
    head: u64,
}

impl Recorded {
    /// The live rows about a partnership's reviews on the day, as a replay tells of them.
    async fn reviews(&self, partnership: StreamId, on: NaiveDate) -> Value {
        let mut rows = self.rows.reviews_of(partnership).await.unwrap();
        rows.sort_by_key(|row| (row.due_on, row.strategy));
        let mut reviews = json!({ "overdue": [], "due": [], "not_known": [] });
        for row in rows.into_iter().filter(|row| row.due_on <= on) {
            let Some(stands) = listed(row.status(on)) else {
                continue;
            };
            let mut shown = json!({
                "strategy": row.strategy, "partnership": row.partnership, "due_on": row.due_on,
                "counted_from": row.counted_from, "assumed": row.assumed,
                "entry_id": row.entry_id, "fictional": row.fictional,
            });
            if let Some(until) = row.covers_until {
                shown["covers_until"] = value(&until);
            }
            let stands = value(&stands);
            let listed = reviews[stands.as_str().unwrap()].as_array_mut();
            listed.unwrap().push(shown);
        }
        reviews
    }

    async fn triggers(&self, partnership: StreamId, on: NaiveDate) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let shown = self
                .rows
                .triggers(Some(partnership), on, after, PAGE_ROWS_MAX);
            let page = shown.await.unwrap();
            all.extend(page.rows.iter().map(|row| value(&row.trigger)));
            after = page.next;
            if after.is_none() {
                return all;
            }
        }
    }

    /// What a partnership hangs on, from its own streams, which the rows tell of.
    async fn by_rows(&self, partnership: StreamId) -> Histories {
        let streams = self.rows.depends_on(partnership).await.unwrap();
        let kinds = [Strategy::TYPE, NeedsAssessment::TYPE, Direction::TYPE];
        let own: BTreeSet<_> = streams
            .into_iter()
            .filter(|stream| kinds.contains(&stream.stream_type))
            .collect();
        // Tools beside the server are told the same, whoever writes the rows.
        let links = Links::open(self.place.clone()).await.unwrap();
        let told = links.belonging(self.bus.ledger(), partnership);
        let mut all = own.clone();
        all.insert(Stream::new(Partnership::TYPE, partnership));
        assert_eq!(told.await.unwrap(), (all, self.head));
        load::of_partnership(self.bus.ledger(), partnership, own, self.head)
            .await
            .unwrap()
    }

    /// The same from a copy of the ledger alone, read in its order.
    async fn in_order(&self, partnership: StreamId) -> Histories {
        let nothing = (BTreeSet::new(), 0);
        let own = belonging(self.bus.ledger(), partnership, nothing, |_, _| {});
        let own = own.await.unwrap();
        load::of_partnership(self.bus.ledger(), partnership, own, self.head)
            .await
            .unwrap()
    }

    async fn compare(&self, partnership: StreamId, days: &[NaiveDate], seen: &mut Compared) {
        let by_rows = self.by_rows(partnership).await;
        // Reading the whole ledger for each of many would take their square.
        let every = if long() { 8 } else { 3 };
        let histories = if seen.partnerships.is_multiple_of(every) {
            seen.read_in_order += 1;
            self.in_order(partnership).await
        } else {
            by_rows.clone()
        };
        for on in days {
            let all = (&by_rows, &histories);
            self.compare_on(partnership, *on, all, seen).await;
        }
        seen.partnerships += 1;
    }

    async fn compare_on(
        &self,
        partnership: StreamId,
        on: NaiveDate,
        (by_rows, histories): (&Histories, &Histories),
        seen: &mut Compared,
    ) {
        let as_of = AsOf {
            on,
            known_at: self.head,
        };
        let asked = |of: Question| value(&replay(partnership, of, histories, as_of).unwrap());
        let row = self.rows.stream::<Partnership>(partnership).await.unwrap();
        let row = row.unwrap();
        let replayed = asked(Question::Partnership);
        assert_eq!(replayed["state"], value(&row.state), "{partnership}");
        assert_eq!(replayed["version"], row.version);
        assert_eq!(replayed["known_at"], self.head);

        let reviews = asked(Question::Reviews)["reviews"].clone();
        assert_eq!(
            reviews,
            self.reviews(partnership, on).await,
            "{partnership}"
        );
        let stands = reviews.as_object().unwrap().values();
        seen.reviews += stands
            .map(|rows| rows.as_array().unwrap().len())
            .sum::<usize>();
        let triggers = self.triggers(partnership, on).await;
        seen.triggers += triggers.len();
        assert_eq!(asked(Question::Triggers)["triggers"], Value::from(triggers));

        // Obligations have no rows: live, they are judged on what the rows say it hangs on.
        let live = value(&replay(partnership, Question::Obligations, by_rows, as_of).unwrap());
        let replayed = asked(Question::Obligations);
        assert_eq!(replayed, live, "{partnership}");
        seen.obligations += replayed["obligations"].as_array().unwrap().len();

        let strategies = self
            .rows
            .streams_of::<Strategy>(partnership, None, PAGE_ROWS_MAX);
        let strategies = strategies.await.unwrap();
        assert_eq!(strategies.next, None);
        assert_eq!(strategies.rows.len(), histories.strategies.len());
        for row in strategies.rows {
            let replayed = value(&replay_strategy(row.id, histories, as_of).unwrap());
            assert_eq!(replayed["state"], value(&row.state), "{}", row.id);
            assert_eq!(replayed["version"], row.version);
            assert_eq!(replayed["partnership"], value(&partnership));
            seen.strategies += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_a_whole_nation_at_the_head_is_what_the_live_rows_say() {
    let size = Size {
        areas: if long() { 60 } else { 6 },
        years: if long() { 5 } else { 2 },
        seed: 2022,
    };
    let folder = tempfile::tempdir().unwrap();
    let home = Home::beside(folder.path().join("ledger.db"));
    let edge = Edge {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    let (bus, _) = Bus::open(&home, LedgerMode::Sandbox, edge).await.unwrap();
    let mut nation = Nation::new(size, bus.ledger().id());
    let entries = fill(bus.ledger(), bus.vault(), &mut nation, |_, _| {});
    let entries = entries.await.unwrap();
    let (rows, mut projector) = Projections::open(&home.projections, bus.ledger())
        .await
        .unwrap();
    let head = projector.catch_up(|_, _| {}).await.unwrap();
    assert!(head >= entries);
    let recorded = Recorded {
        bus,
        rows,
        place: home.projections,
        head,
    };
    // Nothing is dated after the last day, so the rows hold for the days to come: in a while every
    // review is overdue.
    let days = [size.today(), size.today() + Months::new(13)];
    let (mut seen, mut after) = (Compared::default(), None);
    loop {
        let page = recorded.rows.partnerships(after, PAGE_ROWS_MAX).await;
        let page = page.unwrap();
        for row in page.rows {
            recorded.compare(row.id, &days, &mut seen).await;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    println!("{entries} entries: {seen:?}");
    assert!(seen.partnerships >= 5 && seen.strategies >= seen.partnerships);
    assert!(seen.obligations > 100 * seen.partnerships);
    assert!(seen.reviews >= seen.partnerships && seen.triggers > 0 && seen.read_in_order >= 2);
    projector.close().await;
    recorded.rows.close().await;
    recorded.bus.close().await;
}
