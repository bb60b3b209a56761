//! Rounds: every cell of a group, in an order that moves on from round to round.

use std::collections::BTreeMap;

use crate::Fallible;
use crate::bench::Bench;
use crate::cell::Cell;
use crate::machine;
use crate::report;
use crate::sample::Sample;
use crate::settings::Settings;
use crate::store::Db;
use crate::table::{Group, Row, groups};

/// What the rounds of a cell came to.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// A sample for each round.
    Measured(Vec<Sample>),
    /// It cannot run yet.
    NotYet,
    /// It did not do what it should: there is no figure.
    Failed(String),
}

/// What every cell came to.
pub(crate) type Outcomes = BTreeMap<Cell, Outcome>;

/// Runs everything that is asked for. Whether all cells that can run did so well.
pub(crate) async fn run(settings: Settings) -> Fallible<bool> {
    let groups = groups(&settings);
    if settings.list {
        for row in groups.iter().flat_map(|group| &group.rows) {
            println!("{}", row.name());
        }
        return Ok(true);
    }
    let rows: Vec<Row> = groups.iter().flat_map(|group| group.rows.clone()).collect();
    if rows.is_empty() {
        return Err("no workload has such a name: see --list".into());
    }
    let postgres = rows.iter().any(|row| row.db == Db::Postgres);
    let mut bench = Bench::new(&settings, postgres).await?;
    let facts = machine::facts(bench.server())?;
    report::facts(&facts, &settings, bench.leaf_bytes());
    let mut outcomes = Outcomes::new();
    for group in &groups {
        outcomes.extend(self::group(&mut bench, group).await?);
        report::rows(&group.rows, &outcomes);
    }
    if let Some(clients) = bench.peer_best() {
        println!("\nThe peer's best number of clients: {clients}.");
    }
    for told in bench.told() {
        println!("\n{told}.");
    }
    if let Some(path) = &settings.json {
        let text = report::json(&facts, &settings, &rows, &outcomes);
        std::fs::write(path, text + "\n")?;
    }
    let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed(_));
    Ok(!outcomes.values().any(failed))
}

async fn group(bench: &mut Bench, group: &Group) -> Fallible<Outcomes> {
    let cells = group.cells();
    let mut outcomes: Outcomes = cells
        .iter()
        .map(|cell| (*cell, Outcome::Measured(Vec::new())))
        .collect();
    bench.prepare(&cells).await?;
    // As far as it takes for the first of every round to be another one.
    let step = (cells.len() / group.rounds).max(1);
    for round in 0..group.rounds {
        let mut order = cells.clone();
        order.rotate_left(round * step % cells.len());
        for cell in order {
            let Some(Outcome::Measured(samples)) = outcomes.get_mut(&cell) else {
                continue;
            };
            match bench.run(cell).await {
                Ok(Some(sample)) => {
                    eprintln!("  round {}: {cell}: {:.0}/s", round + 1, sample.rate);
                    samples.push(sample);
                }
                Ok(None) => {
                    outcomes.insert(cell, Outcome::NotYet);
                }
                Err(error) => {
                    eprintln!("  round {}: {cell} failed: {error}", round + 1);
                    outcomes.insert(cell, Outcome::Failed(error.to_string()));
                }
            }
        }
    }
    Ok(outcomes)
}
