//! The streams a decision rests on besides its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;

use dutyledger_record::{Record, RestsOn, RulePackRef, Stream, StreamId};

use crate::dates::Dates;
use crate::history::{History, HistoryError, StreamKind};
use crate::rules::enacted_ref;
use crate::streams::{Area, Authority, Direction, NeedsAssessment, Partnership, Strategy};

/// A kind of stream that decisions rest on.
pub trait Listed: StreamKind {
    /// Where its histories are among others.
    fn among(histories: &mut Histories) -> &mut BTreeMap<StreamId, History<Self>>;
}

/// Does something with the kind of stream a type names, or something else where it names none that
/// decisions rest on.
#[macro_export]
macro_rules! by_kind {
    ($name:expr, $kind:ident => $then:expr, else $other:expr) => {
        $crate::by_kind!(
            @ $name, $kind => $then, else $other,
            Area Authority Partnership NeedsAssessment Strategy Direction
        )
    };
    (@ $name:expr, $kind:ident => $then:expr, else $other:expr, $($each:ident)+) => {
        match $name {
            $(<$crate::streams::$each as $crate::StreamKind>::NAME => {
                type $kind = $crate::streams::$each;
                $then
            })+
            _ => $other,
        }
    };
}

macro_rules! world {
    ($($(#[$doc:meta])* $field:ident: $kind:ident),+ $(,)?) => {
        /// The histories of the streams a decision rests on.
        #[derive(Clone, Debug)]
        pub struct Histories {
            $($(#[$doc])* pub $field: BTreeMap<StreamId, History<$kind>>,)+
            /// The rule pack the ledger had adopted when these were known.
            pub rules: RulePackRef,
            /// The dates of deadlines the ledger had set by then.
            pub dates: Dates,
        }

        impl Default for Histories {
            /// Nothing known, under the newest revision of the enacted pack.
            fn default() -> Self {
                Self {
                    $($field: BTreeMap::new(),)+
                    rules: enacted_ref(),
                    dates: Dates::default(),
                }
            }
        }

        /// The same streams, each as true on one date.
        #[derive(Clone, Debug, Default)]
        pub struct World {
            $($(#[$doc])* pub $field: BTreeMap<StreamId, Arc<<$kind as StreamKind>::State>>,)+
        }

        $(impl Listed for $kind {
            fn among(histories: &mut Histories) -> &mut BTreeMap<StreamId, History<Self>> {
                &mut histories.$field
            }
        })+

        impl Histories {
            /// Adds a stream's records.
            ///
            /// # Errors
            /// When an event is unknown or does not fit its type.
            pub fn read(&mut self, stream: &Stream, records: Vec<Record>) -> Result<(), HistoryError> {
                match stream.stream_type.as_str() {
                    $(<$kind as StreamKind>::NAME => {
                        self.$field.insert(stream.id, History::read(records)?);
                    })+
                    unknown => return Err(HistoryError::UnknownStream(unknown.to_owned())),
                }
                Ok(())
            }

            /// Takes in the streams of others, whose rules and dates are left alone.
            pub fn take_in(&mut self, mut others: Self) {
                $(self.$field.append(&mut others.$field);)+
            }

            /// Whether a stream is among them.
            #[must_use]
            pub fn holds(&self, stream: &Stream) -> bool {
                match stream.stream_type.as_str() {
                    $(<$kind as StreamKind>::NAME => self.$field.contains_key(&stream.id),)+
                    _ => true,
                }
            }

            /// Each stream at its version.
            #[must_use]
            pub fn versions(&self) -> Vec<RestsOn> {
                let mut all = Vec::new();
                $(all.extend(self.$field.iter().map(|(id, history)| RestsOn {
                    id: *id,
                    stream_type: <$kind as StreamKind>::TYPE,
                    version: history.version(),
                }));)+
                all
            }

            /// The streams as true on a date.
            #[must_use]
            pub fn on(&self, date: NaiveDate) -> World {
                World {
                    $($field: self.$field.iter().map(|(id, h)| (*id, h.state(date))).collect(),)+
                }
            }
        }
    };
}

world! {
    /// Areas.
    areas: Area,
    /// Authorities.
    authorities: Authority,
    /// Partnerships.
    partnerships: Partnership,
    /// Needs assessments.
    assessments: NeedsAssessment,
    /// Strategies.
    strategies: Strategy,
    /// Directions.
    directions: Direction,
}
