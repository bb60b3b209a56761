//! `dutyledger subscribe`: notifications as JSON lines, or a command for each.

use std::io::Write;
use std::process::{Command, Stdio};

use dutyledger_notifications::subscriber::{Event, Settings, SubscribeError, Subscription};

use crate::cli::SubscribeSettings;
use crate::exit::Failure;

pub(crate) async fn subscribe(settings: &SubscribeSettings) -> Result<(), Failure> {
    let mut subscription = Subscription::open(Settings {
        connection: settings.nats.needed("dutyledger subscribe")?,
        filters: settings.filters.clone(),
        name: settings.name.clone(),
        position_file: settings.position_file.clone(),
        from: settings.from,
    })
    .map_err(failure)?;
    loop {
        let events = match settings.until_caught_up {
            true => subscription.ready().await,
            false => subscription.next().await,
        };
        let events = events.map_err(failure)?;
        if events.is_empty() {
            return Ok(());
        }
        match settings.command.as_slice() {
            [] => {
                write(&events)?;
                if let Some(last) = events.last() {
                    subscription.handled(last).map_err(failure)?;
                }
            }
            [program, arguments @ ..] => {
                for event in &events {
                    run(program, arguments, event)?;
                    subscription.handled(event).map_err(failure)?;
                }
            }
        }
    }
}

fn failure(error: SubscribeError) -> Failure {
    match &error {
        SubscribeError::Settings(_) | SubscribeError::Name(_) => Failure::usage(error),
        SubscribeError::File { .. } | SubscribeError::Credentials(_) => Failure::cannot_open(error),
        SubscribeError::OtherLedger { .. }
        | SubscribeError::HistoryChanged { .. }
        | SubscribeError::Foreign { .. } => Failure::refused(error),
    }
}

/// Writes events, one a line.
fn write(events: &[Event]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for event in events {
        let line = serde_json::to_string(event).map_err(Failure::other)?;
        writeln!(out, "{line}").map_err(Failure::other)?;
    }
    out.flush().map_err(Failure::other)
}

/// Runs the command for an event, which it finds on its standard input.
fn run(program: &str, arguments: &[String], event: &Event) -> Result<(), Failure> {
    let text = serde_json::to_string(event).map_err(Failure::other)?;
    let failed = |what: String| {
        Failure::other(format!(
            "{program} did not handle position {}: {what}. It is given that event again next time",
            event.position
        ))
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    if let Some(mut input) = child.stdin.take() {
        // One that does not care for the event closes its input before it is written.
        let _ = input.write_all(text.as_bytes());
    }
    let ended = child.wait().map_err(|error| failed(error.to_string()))?;
    if ended.success() {
        Ok(())
    } else {
        Err(failed(ended.to_string()))
    }
}
