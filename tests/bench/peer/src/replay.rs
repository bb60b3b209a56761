//! The framework's own replay of everything, into a query that only counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use cqrs_es::persist::QueryReplay;
use cqrs_es::{EventEnvelope, Query};
use postgres_es::PostgresEventRepository;
use serde_json::{Value, json};
use sqlx::postgres::PgPool;

use crate::aggregate::Authority;

struct Count(Arc<AtomicU64>);

#[async_trait::async_trait]
impl Query<Authority> for Count {
    async fn dispatch(&self, _: &str, events: &[EventEnvelope<Authority>]) {
        self.0.fetch_add(events.len() as u64, Ordering::Relaxed);
    }
}

/// Replays.
pub async fn run(pool: PgPool) -> Value {
    let counted = Arc::new(AtomicU64::new(0));
    let query = Count(Arc::clone(&counted));
    let since = Instant::now();
    QueryReplay::<_, _, Authority>::new(PostgresEventRepository::new(pool), query)
        .replay_all()
        .await
        .expect("everything is replayed");
    let events = counted.load(Ordering::Relaxed);
    json!({
        "rate": events as f64 / since.elapsed().as_secs_f64(),
        "rows": events,
    })
}
