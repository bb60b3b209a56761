//! Writes a nation into a new ledger: `fill-nation <sqlite:file or postgres://…> [areas] [years] [seed]`.
//!
//! On PostgreSQL the database is migrated first, by `dutyledger migrate`. Says how far it is, and in the
//! end how many entries there are and how many a second were decided and recorded.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use dutyledger_application::{Bus, Edge, Home, SystemEntropy};
use dutyledger_domain::streams::ledger::LedgerMode;
use dutyledger_ledger::{Place, SystemClock};
use dutyledger_test_nation::{Nation, Size, fill};
use indicatif::{ProgressBar, ProgressStyle};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let Some(place) = arguments.next() else {
        eprintln!("usage: fill-nation <sqlite:file or postgres://…> [areas] [years] [seed]");
        std::process::exit(2);
    };
    let mut number = |usual: u64| {
        let given = arguments.next();
        given.map_or(usual, |text| text.parse().expect("a number"))
    };
    let size = Size {
        areas: u32::try_from(number(Size::FULL.areas.into())).expect("a number of areas"),
        years: u32::try_from(number(Size::FULL.years.into())).expect("a number of years"),
        seed: number(Size::FULL.seed),
    };
    let home = match Place::parse(&place).expect("the address of a ledger") {
        Place::Sqlite(file) => Home::beside(file),
        Place::Postgres(url) => Home::on_server(url, Path::new(".")),
    };
    let edge = Edge {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    let (bus, _) = Bus::open(&home, LedgerMode::Sandbox, edge)
        .await
        .expect("a ledger");
    let began = Instant::now();
    let bar = ProgressBar::new(size.areas.into());
    let style = "{pos} of {len} areas {wide_bar} {msg}";
    bar.set_style(ProgressStyle::with_template(style).expect("a style"));
    let mut nation = Nation::new(size, bus.ledger().id());
    let entries = fill(bus.ledger(), bus.vault(), &mut nation, |entries, areas| {
        bar.set_position(areas.into());
        bar.set_message(format!("{entries} entries"));
    })
    .await
    .expect("a nation that is recorded");
    bar.finish();
    let took = began.elapsed();
    bus.close().await;
    let each = entries as f64 / took.as_secs_f64();
    println!("{entries} entries in {took:.1?}, {each:.0} a second");
}
