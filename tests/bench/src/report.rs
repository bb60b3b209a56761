//! Saying what came of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::rounds::{Outcome, Outcomes};
use crate::sample::{Figure, Sample, bounds, median, spread};
use crate::settings::Settings;
use crate::table::{Row, Target};

/// How far notifications may be behind.
const BEHIND_MOST: Duration = Duration::from_secs(1);

/// The machine, and what is measured with.
pub(crate) fn facts(facts: &[(String, String)], settings: &Settings, leaf_bytes: usize) {
    for (name, value) in facts {
        println!("{name:<22} {value}");
    }
    println!(
        "{:<22} {:?} a cell, {} warm streams, leaf data of {leaf_bytes} bytes, replays of {}",
        "measured",
        settings.time(),
        settings.streams,
        settings.replayed()
    );
}

/// The workloads of a group.
pub(crate) fn rows(rows: &[Row], outcomes: &Outcomes) {
    for row in rows {
        let (ours, other) = (outcomes.get(&row.ours), outcomes.get(&row.other));
        println!("\n{}: {}", row.db.name(), row.workload);
        println!("  {:<58} {}", "ours", figure(ours));
        println!("  {:<58} {}", row.against, figure(other));
        println!("  {:<58} {}", ratio_of(row.figure), ratio(row, outcomes));
        if let Some(behind) = behind(ours) {
            println!("  {:<58} {behind}", "behind at the end, in the worst round");
        }
        for slow in slow_rounds(ours) {
            println!("  {slow}");
        }
    }
}

const fn ratio_of(figure: Figure) -> &'static str {
    match figure {
        Figure::Rate => "ratio",
        Figure::P50 => "ratio of p50",
        Figure::P99 => "ratio of p99",
        Figure::Peak => "ratio of peak memory",
    }
}

/// How long the last notification was received after the last answer, in the worst round.
fn behind(outcome: Option<&Outcome>) -> Option<String> {
    let Some(Outcome::Measured(samples)) = outcome else {
        return None;
    };
    let worst = samples.iter().filter_map(|sample| sample.behind).max()?;
    let verdict = if worst < BEHIND_MOST { "met" } else { "MISSED" };
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    Some(format!(
        "{:>9.2} ms  wanted: below {:.0} ms: {verdict}",
        millis(worst),
        millis(BEHIND_MOST)
    ))
}

/// What was counted in rounds that came to under half the median.
fn slow_rounds(outcome: Option<&Outcome>) -> Vec<String> {
    let Some(Outcome::Measured(samples)) = outcome else {
        return Vec::new();
    };
    let rates: Vec<f64> = samples.iter().map(|sample| sample.rate).collect();
    let half = median(&rates).unwrap_or_default() / 2.0;
    let slow = samples.iter().enumerate().filter(|(_, s)| s.rate < half);
    slow.filter_map(|(round, sample)| {
        let counted = sample.counted.as_ref()?;
        Some(format!(
            "round {} at {:.0}/s: {counted}",
            round + 1,
            sample.rate
        ))
    })
    .collect()
}

fn figure(outcome: Option<&Outcome>) -> String {
    let samples = match outcome {
        Some(Outcome::Measured(samples)) => samples,
        Some(Outcome::NotYet) | None => return "not yet".to_owned(),
        Some(Outcome::Failed(reason)) => return format!("FAILED, no figure: {reason}"),
    };
    let rates: Vec<f64> = samples.iter().map(|sample| sample.rate).collect();
    let mut text = format!(
        "{:>9.0}/s  spread {:>3.0} %",
        median(&rates).unwrap_or_default(),
        spread(&rates).unwrap_or_default() * 100.0
    );
    for (name, millis) in [
        ("p50", millis(samples, |s| s.p50)),
        ("p99", millis(samples, |s| s.p99)),
    ] {
        if let Some(millis) = millis {
            text += &format!("  {name} {millis:>7.2} ms");
        }
    }
    if let Some(peak) = peak(samples) {
        text += &format!("  peak {peak:.1} MiB");
    }
    text
}

/// The median of the rounds' peaks of memory, in MiB.
fn peak(samples: &[Sample]) -> Option<f64> {
    let peaks = samples.iter().filter_map(|sample| sample.peak);
    let peaks: Vec<f64> = peaks.map(|bytes| bytes as f64 / 1024.0 / 1024.0).collect();
    median(&peaks)
}

/// The median of the rounds' percentiles.
fn millis(samples: &[Sample], of: impl Fn(&Sample) -> Option<Duration>) -> Option<f64> {
    let times: Vec<f64> = samples
        .iter()
        .filter_map(of)
        .map(|time| time.as_secs_f64() * 1e3)
        .collect();
    median(&times)
}

fn ratio(row: &Row, outcomes: &Outcomes) -> String {
    let ratios = ratios(row, outcomes);
    let wanted = wanted(row.target);
    let (Some(middle), Some((least, greatest))) = (median(&ratios), bounds(&ratios)) else {
        return format!("none{wanted}");
    };
    let verdict = match met(row, outcomes, &ratios) {
        Some(true) => ": met",
        Some(false) => ": MISSED",
        None => "",
    };
    format!("{middle:>9.2}    ({least:.2} to {greatest:.2}){wanted}{verdict}")
}

/// Our figure by the other one, in each round.
fn ratios(row: &Row, outcomes: &Outcomes) -> Vec<f64> {
    let (Some(Outcome::Measured(ours)), Some(Outcome::Measured(other))) =
        (outcomes.get(&row.ours), outcomes.get(&row.other))
    else {
        return Vec::new();
    };
    ours.iter()
        .zip(other)
        .filter_map(|(ours, other)| Some(row.figure.of(ours)? / row.figure.of(other)?))
        .collect()
}

fn wanted(target: Target) -> String {
    match target {
        Target::AtLeast(least) => format!("  wanted: at least {least}"),
        Target::AtMost(most) => format!("  wanted: at most {most}"),
        Target::AtLeastEach(least, each) => {
            format!("  wanted: at least {least}, in no round below {each}")
        }
        Target::AtMostOrBelow(most, time) => {
            let millis = time.as_secs_f64() * 1e3;
            format!("  wanted: at most {most}, or ours below {millis:.0} ms")
        }
        Target::OursAtLeast(least) => format!("  wanted: ours at least {least:.0}/s"),
        Target::OursAtMost(most) => {
            format!("  wanted: ours at most {:.0} MiB", most / 1024.0 / 1024.0)
        }
        Target::Shown => String::new(),
    }
}

fn met(row: &Row, outcomes: &Outcomes, ratios: &[f64]) -> Option<bool> {
    let (middle, (lowest, _)) = (median(ratios)?, bounds(ratios)?);
    match row.target {
        Target::AtLeast(least) => Some(middle >= least),
        Target::AtMost(most) => Some(middle <= most),
        Target::AtLeastEach(least, each) => Some(middle >= least && lowest >= each),
        Target::AtMostOrBelow(most, time) => {
            Some(middle <= most || ours(row, outcomes)? < time.as_secs_f64())
        }
        Target::OursAtLeast(least) => Some(ours(row, outcomes)? >= least),
        Target::OursAtMost(most) => Some(ours(row, outcomes)? <= most),
        Target::Shown => None,
    }
}

/// Our figure, in the median.
fn ours(row: &Row, outcomes: &Outcomes) -> Option<f64> {
    let Some(Outcome::Measured(ours)) = outcomes.get(&row.ours) else {
        return None;
    };
    let ours: Vec<f64> = ours.iter().filter_map(|s| row.figure.of(s)).collect();
    median(&ours)
}

/// Everything, every round.
pub(crate) fn json(
    facts: &[(String, String)],
    settings: &Settings,
    rows: &[Row],
    outcomes: &Outcomes,
) -> String {
    let machine: serde_json::Map<String, Value> = facts
        .iter()
        .map(|(name, value)| (name.trim().to_owned(), value.as_str().into()))
        .collect();
    let cells: serde_json::Map<String, Value> = outcomes
        .iter()
        .map(|(cell, outcome)| (cell.to_string(), rounds(outcome)))
        .collect();
    let workloads: Vec<Value> = rows.iter().map(|row| workload(row, outcomes)).collect();
    let report = json!({
        "machine": machine,
        "seconds": settings.time().as_secs_f64(),
        "streams": settings.streams,
        "replayed": settings.replayed(),
        "cells": cells,
        "workloads": workloads,
    });
    format!("{report:#}")
}

fn rounds(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::NotYet => "not yet".into(),
        Outcome::Failed(reason) => json!({ "failed": reason }),
        Outcome::Measured(samples) => samples
            .iter()
            .map(|sample| {
                json!({
                    "per_second": sample.rate,
                    "p50_ms": sample.p50.map(|time| time.as_secs_f64() * 1e3),
                    "p99_ms": sample.p99.map(|time| time.as_secs_f64() * 1e3),
                    "peak_bytes": sample.peak,
                    "behind_ms": sample.behind.map(|time| time.as_secs_f64() * 1e3),
                    "counted": sample.counted,
                })
            })
            .collect(),
    }
}

fn workload(row: &Row, outcomes: &Outcomes) -> Value {
    let ratios = ratios(row, outcomes);
    let target = match row.target {
        Target::AtLeast(least) => json!({ "at_least": least }),
        Target::AtMost(most) => json!({ "at_most": most }),
        Target::AtLeastEach(least, each) => json!({ "at_least": least, "each_at_least": each }),
        Target::AtMostOrBelow(most, time) => {
            json!({ "at_most": most, "or_below_ms": time.as_secs_f64() * 1e3 })
        }
        Target::OursAtLeast(least) => json!({ "ours_at_least": least }),
        Target::OursAtMost(most) => json!({ "ours_at_most": most }),
        Target::Shown => Value::Null,
    };
    json!({
        "workload": row.name(),
        "ours": row.ours.to_string(),
        "other": row.other.to_string(),
        "ratio_of": ratio_of(row.figure),
        "ratio": median(&ratios),
        "ratios": ratios,
        "target": target,
        "met": met(row, outcomes, &ratios),
    })
}
