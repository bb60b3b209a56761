//! The commands a history may hold, whatever stream they are for.

use serde_json::{Map, Value};

use dutyledger_domain::streams::area::{AreaCommand, area_id};
use dutyledger_domain::streams::authority::AuthorityCommand;
use dutyledger_domain::streams::direction::DirectionCommand;
use dutyledger_domain::streams::needs_assessment::NeedsAssessmentCommand;
use dutyledger_domain::streams::partnership::PartnershipCommand;
use dutyledger_domain::streams::strategy::StrategyCommand;
use dutyledger_domain::streams::{
    Area, Authority, Direction, NeedsAssessment, Partnership, Strategy,
};
use dutyledger_domain::{Actors, Capacity, CommandSet, Opens, StreamKind};
use dutyledger_ledger::LedgerReader;
use dutyledger_record::StreamId;

use crate::again::{self, When};
use crate::bus::{Answer, Bus, Request};
use crate::error::CommandError;

macro_rules! kinds {
    ($($kind:ident($command:ident)),+ $(,)?) => {
        /// A kind of stream a history may open.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind { $($kind),+ }

        /// A command on any of them.
        #[derive(Clone, Debug)]
        pub(crate) enum Command { $($kind($command)),+ }

        impl Kind {
            /// The kind of this name.
            pub(crate) fn of(name: &str) -> Option<Self> {
                match name {
                    $(<$kind as StreamKind>::NAME => Some(Self::$kind),)+
                    _ => None,
                }
            }

            /// Its name.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$kind => <$kind as StreamKind>::NAME),+ }
            }

            fn read_value(self, value: Value) -> Result<Command, serde_json::Error> {
                match self {
                    $(Self::$kind => serde_json::from_value(value).map(Command::$kind)),+
                }
            }
        }

        impl Command {
            /// Who may give it.
            pub(super) fn actors(&self) -> Actors {
                match self { $(Self::$kind(command) => command.actors()),+ }
            }

            /// The partnership it names, where it opens something for one.
            pub(crate) fn partnership(&self) -> Option<StreamId> {
                match self { $(Self::$kind(command) => command.partnership()),+ }
            }

            /// Whether it opens a stream.
            pub(super) fn opens(&self) -> Opens {
                match self { $(Self::$kind(command) => command.opens()),+ }
            }
        }

        /// Decides a command again, as it was decided.
        pub(crate) async fn decide_again(
            ledger: &LedgerReader,
            command: Command,
            about: Request<()>,
            when: When,
        ) -> Result<Vec<String>, CommandError> {
            match command {
                $(Command::$kind(command) => {
                    again::decide_again::<$kind>(ledger, with(about, command), when).await
                })+
            }
        }

        /// Carries out a command through the bus.
        pub(super) async fn execute(
            bus: &Bus,
            command: Command,
            about: Request<()>,
        ) -> Result<Answer, CommandError> {
            match command {
                $(Command::$kind(command) => bus.execute::<$kind>(with(about, command)).await),+
            }
        }
    };
}

kinds! {
    Area(AreaCommand),
    Authority(AuthorityCommand),
    Direction(DirectionCommand),
    NeedsAssessment(NeedsAssessmentCommand),
    Partnership(PartnershipCommand),
    Strategy(StrategyCommand),
}

/// The request for a command, given everything about it.
pub(crate) fn with<C>(about: Request<()>, command: C) -> Request<C> {
    Request {
        principal: about.principal,
        target: about.target,
        acting: about.acting,
        occurred_on: about.occurred_on,
        on_behalf_of: about.on_behalf_of,
        source: about.source,
        reasons: about.reasons,
        correlation_id: about.correlation_id,
        causation_id: about.causation_id,
        if_match: about.if_match,
        idempotency: about.idempotency,
        command,
    }
}

/// A command as it is written.
pub(crate) fn tagged(command: &str, particulars: Value) -> Value {
    let members = [
        ("command".to_owned(), Value::String(command.to_owned())),
        ("particulars".to_owned(), particulars),
    ];
    Value::Object(Map::from_iter(members))
}

impl Kind {
    /// Reads a command.
    pub(crate) fn read(
        self,
        command: &str,
        particulars: Value,
    ) -> Result<Command, serde_json::Error> {
        self.read_value(tagged(command, particulars))
    }

    /// Whether the kind has a command of this name.
    pub(super) fn knows(self, command: &str) -> bool {
        // Without particulars no command reads; only an unknown one fails on its own name.
        match self.read_value(tagged(command, Value::Null)) {
            Ok(_) => true,
            Err(e) => !e.to_string().starts_with("unknown variant"),
        }
    }
}

impl Command {
    /// The id of the stream it opens, where that follows from what it says.
    pub(super) fn natural_id(&self) -> Option<StreamId> {
        match self {
            Self::Area(AreaCommand::RegisterArea(area)) => {
                Some(area_id(area.country, area.name.as_str()))
            }
            _ => None,
        }
    }

    /// The capacity of the authority it registers.
    pub(super) const fn capacity(&self) -> Option<Capacity> {
        match self {
            Self::Authority(AuthorityCommand::RegisterAuthority(authority)) => {
                Some(authority.capacity)
            }
            _ => None,
        }
    }

    /// The member in which its entry names the item it creates.
    pub(super) const fn creates(&self) -> Option<&'static str> {
        match self {
            Self::Partnership(PartnershipCommand::NameRepresentative(_)) => Some("representative"),
            Self::Partnership(PartnershipCommand::DrawUpConsultationList(_)) => Some("list"),
            Self::Strategy(StrategyCommand::ProposeAction(_)) => Some("action"),
            Self::Strategy(StrategyCommand::ConsiderMaterial(_)) => Some("material"),
            Self::Strategy(StrategyCommand::RaiseObjection(_)) => Some("objection"),
            Self::Strategy(StrategyCommand::CompleteReview(_)) => Some("review"),
            _ => None,
        }
    }

    /// Whether it is the importer's own to give.
    pub(super) const fn is_coverage(&self) -> bool {
        matches!(
            self,
            Self::Partnership(PartnershipCommand::StateCoverage(_))
        )
    }
}
