//! What bodies, areas, partnerships and strategies are called.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use dutyledger_domain::Histories;
use dutyledger_record::StreamId;

/// Names by id, as the newest entries known have them.
#[derive(Clone, Debug, Default)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// The names these histories know.
    #[must_use]
    pub fn of(histories: &Histories) -> Self {
        let mut all = BTreeMap::new();
        let mut add = |id: String, name: Option<String>| {
            if let Some(name) = name {
                all.insert(id, name);
            }
        };
        let on = NaiveDate::MAX;
        for (id, history) in &histories.areas {
            let state = history.state(on);
            add(id.to_string(), state.name.as_ref().map(ToString::to_string));
        }
        for (id, history) in &histories.authorities {
            let state = history.state(on);
            add(id.to_string(), state.body.as_ref().map(ToString::to_string));
        }
        for (id, history) in &histories.partnerships {
            let state = history.state(on);
            add(id.to_string(), state.name.as_ref().map(ToString::to_string));
        }
        for (id, history) in &histories.assessments {
            let state = history.state(on);
            add(
                id.to_string(),
                state.title.as_ref().map(ToString::to_string),
            );
        }
        for (id, history) in &histories.strategies {
            let state = history.state(on);
            add(
                id.to_string(),
                state.title.as_ref().map(ToString::to_string),
            );
            for (action, known) in &state.actions {
                add(action.to_string(), Some(known.title.to_string()));
            }
        }
        Self(all)
    }

    /// The name of something, where it is known.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }

    /// The name of something, or else its id.
    #[must_use]
    pub fn say(&self, id: StreamId) -> String {
        let id = id.to_string();
        self.get(&id).map_or_else(|| id.clone(), str::to_owned)
    }
}
