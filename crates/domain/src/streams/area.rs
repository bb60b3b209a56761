//! A local government area (s.11(4)): its codes, and the authorities recorded for it.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_record::{Envelope, NaturalKey, PublicText, StreamId, StreamType};

use crate::decide::{Actors, Opens, Particulars, commands};
use crate::history::{StreamKind, events};
use crate::refusal::{Refusal, Unmet};
use crate::scene::Scene;
use crate::values::{AreaKind, Capacity, Class, CodeScheme, Country};

/// The kind of stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Area;

/// The id of an area's stream: an area exists once, so it is made from its natural key, the words
/// `area`, the country and the name in lower case. An area that takes a name used before is
/// registered with a name that tells it apart.
#[must_use]
pub fn area_id(country: Country, name: &str) -> StreamId {
    let country = match country {
        Country::England => "england",
        Country::Wales => "wales",
    };
    NaturalKey(&["area", country, &name.trim().to_lowercase()]).stream_id()
}

/// An area was entered in the register.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AreaRegistered {
    /// England or Wales.
    pub country: Country,
    /// Its kind.
    pub kind: AreaKind,
    /// Its name.
    pub name: PublicText,
}

/// The area's particulars changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AreaAmended {
    /// Its kind from now on.
    pub kind: AreaKind,
    /// Its name from now on.
    pub name: PublicText,
}

/// A code was in force for the area for a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AreaCodeRecorded {
    /// The code.
    pub code: PublicText,
    /// The name the register gives it, where it has one.
    pub name: Option<PublicText>,
    /// The register it comes from.
    pub scheme: CodeScheme,
    /// The first date it was in force, if known.
    pub from: Option<NaiveDate>,
    /// The last date it was in force, if it has ended.
    pub until: Option<NaiveDate>,
}

/// An authority exists for this area.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorityRecorded {
    /// The authority.
    pub authority: StreamId,
    /// Its capacity.
    pub capacity: Capacity,
    /// The first date it existed for the area.
    pub from: NaiveDate,
    /// Whether that date is assumed rather than stated by a source.
    pub from_assumed: bool,
}

/// An authority no longer exists for this area.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorityEnded {
    /// The authority.
    pub authority: StreamId,
    /// The last date it existed for the area.
    pub until: NaiveDate,
}

/// Another area took this area's place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AreaSucceeded {
    /// The area that succeeds it.
    pub successor: StreamId,
}

events! {
    /// The events of an area.
    AreaEvent {
        AreaRegistered, AreaAmended, AreaCodeRecorded, AuthorityRecorded, AuthorityEnded,
        AreaSucceeded,
    }
}

/// A code of an area.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AreaCode {
    /// The register it comes from.
    pub scheme: CodeScheme,
    /// The code.
    pub code: PublicText,
    /// The name the register gives it.
    pub name: Option<PublicText>,
    /// The first date it was in force, if known.
    pub from: Option<NaiveDate>,
    /// The last date it was in force, if it has ended.
    pub until: Option<NaiveDate>,
}

/// An authority recorded for an area.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecordedAuthority {
    /// Its capacity.
    pub capacity: Capacity,
    /// The first date it existed for the area.
    pub from: NaiveDate,
    /// Whether that date is assumed rather than stated by a source.
    pub from_assumed: bool,
    /// The last date, if it has ended.
    pub until: Option<NaiveDate>,
}

impl RecordedAuthority {
    /// Whether it exists for the area on a date.
    #[must_use]
    pub fn exists_on(&self, on: NaiveDate) -> bool {
        self.from <= on && self.until.is_none_or(|until| on <= until)
    }
}

/// What is known of an area.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AreaState {
    /// England or Wales.
    pub country: Option<Country>,
    /// Its kind.
    pub kind: Option<AreaKind>,
    /// Its name.
    pub name: Option<PublicText>,
    /// Its codes.
    pub codes: Vec<AreaCode>,
    /// The authorities recorded for it.
    pub authorities: BTreeMap<StreamId, RecordedAuthority>,
    /// The area that took its place.
    pub successor: Option<StreamId>,
}

impl AreaState {
    /// The authorities of a class that exist for the area on a date.
    pub fn authorities_of(
        &self,
        class: Class,
        on: NaiveDate,
    ) -> impl Iterator<Item = (StreamId, Capacity)> + '_ {
        self.authorities
            .iter()
            .filter(move |(_, a)| a.capacity.class() == class && a.exists_on(on))
            .map(|(id, a)| (*id, a.capacity))
    }

    /// The code of a scheme in force on a date.
    #[must_use]
    pub fn code(&self, scheme: CodeScheme, on: NaiveDate) -> Option<&AreaCode> {
        self.codes.iter().rev().find(|c| {
            c.scheme == scheme
                && c.from.is_none_or(|from| from <= on)
                && c.until.is_none_or(|until| on <= until)
        })
    }
}

/// Enters an area in the register.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterArea {
    /// England or Wales.
    pub country: Country,
    /// Its kind.
    pub kind: AreaKind,
    /// Its name. With the country it names the area for ever.
    pub name: PublicText,
}

impl Particulars<Area> for RegisterArea {
    const NAME: &'static str = "register-area";
    const ACTORS: Actors = Actors::OPERATOR;
    const OPENS: Opens = Opens::Yes;

    fn decide(self, _: &AreaState, _: &Scene<'_>) -> Result<Vec<AreaEvent>, Refusal> {
        Ok(vec![
            AreaRegistered {
                country: self.country,
                kind: self.kind,
                name: self.name,
            }
            .into(),
        ])
    }
}

/// Changes an area's particulars.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmendArea {
    /// Its kind from now on.
    pub kind: AreaKind,
    /// Its name from now on.
    pub name: PublicText,
}

impl Particulars<Area> for AmendArea {
    const NAME: &'static str = "amend-area";
    const ACTORS: Actors = Actors::OPERATOR;

    fn decide(self, _: &AreaState, _: &Scene<'_>) -> Result<Vec<AreaEvent>, Refusal> {
        Ok(vec![
            AreaAmended {
                kind: self.kind,
                name: self.name,
            }
            .into(),
        ])
    }
}

/// Records a code of an area.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordAreaCode {
    /// The register it comes from.
    pub scheme: CodeScheme,
    /// The code.
    pub code: PublicText,
    /// The name the register gives it.
    #[serde(default)]
    pub name: Option<PublicText>,
    /// The first date it was in force, if known.
    #[serde(default)]
    pub from: Option<NaiveDate>,
    /// The last date it was in force, if it has ended.
    #[serde(default)]
    pub until: Option<NaiveDate>,
}

impl Particulars<Area> for RecordAreaCode {
    const NAME: &'static str = "record-area-code";
    const ACTORS: Actors = Actors::OPERATOR;

    fn decide(self, _: &AreaState, _: &Scene<'_>) -> Result<Vec<AreaEvent>, Refusal> {
        if let (Some(from), Some(until)) = (self.from, self.until)
            && until < from
        {
            return Err(Refusal::invalid(
                "/particulars/until",
                "The code ends before it begins.",
            ));
        }
        Ok(vec![
            AreaCodeRecorded {
                code: self.code,
                name: self.name,
                scheme: self.scheme,
                from: self.from,
                until: self.until,
            }
            .into(),
        ])
    }
}

/// One authority of a list.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorityForArea {
    /// The authority.
    pub authority: StreamId,
    /// The first date it existed for the area.
    pub from: NaiveDate,
    /// Whether that date is assumed rather than stated by a source.
    #[serde(default)]
    pub from_assumed: bool,
}

/// Records that authorities exist for an area: one, or many at once.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordAuthorities {
    /// The authorities.
    #[schemars(length(min = 1, max = 2000))]
    pub authorities: Vec<AuthorityForArea>,
}

impl Particulars<Area> for RecordAuthorities {
    const NAME: &'static str = "record-authorities";
    const ACTORS: Actors = Actors::OPERATOR;

    fn needs(&self, _: &AreaState, _: &crate::World) -> Vec<dutyledger_record::Stream> {
        self.authorities
            .iter()
            .map(|row| super::authority::stream(row.authority))
            .collect()
    }

    fn decide(self, state: &AreaState, scene: &Scene<'_>) -> Result<Vec<AreaEvent>, Refusal> {
        super::check_list(
            "/particulars/authorities",
            self.authorities.iter().map(|row| row.authority),
        )?;
        let mut events: Vec<AreaEvent> = Vec::with_capacity(self.authorities.len() + 1);
        let mut refused = Vec::new();
        for (row, one) in self.authorities.iter().enumerate() {
            let known = scene.world.authorities.get(&one.authority);
            let open = state.authorities.get(&one.authority);
            let refusal = match known.and_then(|a| a.capacity) {
                None => Refusal::not_found("There is no such authority."),
                Some(_) if open.is_some_and(|a| a.until.is_none()) => {
                    Refusal::already("This authority is already recorded for the area.")
                }
                Some(capacity) => {
                    events.push(
                        AuthorityRecorded {
                            authority: one.authority,
                            capacity,
                            from: one.from,
                            from_assumed: one.from_assumed,
                        }
                        .into(),
                    );
                    continue;
                }
            };
            refused.push(refusal.at(&format!("/particulars/authorities/{row}/authority")));
        }
        if let Some(refusal) = Refusal::of_rows(refused) {
            return Err(refusal);
        }
        if self.authorities.len() > 1 {
            let ids: Vec<_> = self.authorities.iter().map(|row| row.authority).collect();
            events.push(super::ListClosed::new(super::List::Authorities, scene.on, &ids).into());
        }
        Ok(events)
    }
}

/// Records that an authority no longer exists for an area.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndAuthority {
    /// The authority.
    pub authority: StreamId,
    /// The last date it existed for the area.
    pub until: NaiveDate,
}

impl Particulars<Area> for EndAuthority {
    const NAME: &'static str = "end-authority";
    const ACTORS: Actors = Actors::OPERATOR;

    fn decide(self, state: &AreaState, _: &Scene<'_>) -> Result<Vec<AreaEvent>, Refusal> {
        let pointer = "/particulars/authority";
        match state.authorities.get(&self.authority) {
            None => {
                Err(Refusal::not_found("This authority is not recorded for the area.").at(pointer))
            }
            Some(a) if self.until < a.from => Err(Refusal::invalid(
                "/particulars/until",
                format!(
                    "The authority is recorded for the area from {}.",
                    crate::in_words(a.from)
                ),
            )),
            Some(_) => Ok(vec![
                AuthorityEnded {
                    authority: self.authority,
                    until: self.until,
                }
                .into(),
            ]),
        }
    }
}

/// Records that another area took this area's place.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SucceedArea {
    /// The area that succeeds it.
    pub successor: StreamId,
}

impl Particulars<Area> for SucceedArea {
    const NAME: &'static str = "succeed-area";
    const ACTORS: Actors = Actors::OPERATOR;

    fn needs(&self, _: &AreaState, _: &crate::World) -> Vec<dutyledger_record::Stream> {
        vec![stream(self.successor)]
    }

    fn decide(self, state: &AreaState, scene: &Scene<'_>) -> Result<Vec<AreaEvent>, Refusal> {
        if state.successor.is_some() {
            return Err(Refusal::already(
                "Another area has already taken its place.",
            ));
        }
        if self.successor == scene.stream
            || scene
                .world
                .areas
                .get(&self.successor)
                .is_none_or(|a| a.name.is_none())
        {
            return Err(
                Refusal::not_found("There is no such other area.").at("/particulars/successor")
            );
        }
        Ok(vec![
            AreaSucceeded {
                successor: self.successor,
            }
            .into(),
        ])
    }
}

commands! {
    /// The commands on an area.
    AreaCommand of Area {
        RegisterArea, AmendArea, RecordAreaCode, RecordAuthorities, EndAuthority, SucceedArea,
    }
}

/// Names an area's stream.
#[must_use]
pub fn stream(id: StreamId) -> dutyledger_record::Stream {
    dutyledger_record::Stream::new(Area::TYPE, id)
}

impl StreamKind for Area {
    const TYPE: StreamType = StreamType::of("area");
    const NAME: &'static str = "area";
    type Event = AreaEvent;
    type State = AreaState;
    type Command = AreaCommand;

    fn evolve(state: &mut AreaState, entry: &Envelope<AreaEvent>) {
        match &entry.payload {
            AreaEvent::AreaRegistered(e) => {
                state.country = Some(e.country);
                state.kind = Some(e.kind);
                state.name = Some(e.name.clone());
            }
            AreaEvent::AreaAmended(e) => {
                state.kind = Some(e.kind);
                state.name = Some(e.name.clone());
            }
            AreaEvent::AreaCodeRecorded(e) => state.codes.push(AreaCode {
                scheme: e.scheme,
                code: e.code.clone(),
                name: e.name.clone(),
                from: e.from,
                until: e.until,
            }),
            AreaEvent::AuthorityRecorded(e) => {
                state.authorities.insert(
                    e.authority,
                    RecordedAuthority {
                        capacity: e.capacity,
                        from: e.from,
                        from_assumed: e.from_assumed,
                        until: None,
                    },
                );
            }
            AreaEvent::AuthorityEnded(e) => {
                if let Some(authority) = state.authorities.get_mut(&e.authority) {
                    authority.until = Some(e.until);
                }
            }
            AreaEvent::AreaSucceeded(e) => state.successor = Some(e.successor),
            AreaEvent::EntryCorrected(_) | AreaEvent::ListClosed(_) => {}
        }
    }

    fn unmet(_: &AreaEvent, _: &AreaState, _: &Scene<'_>) -> Vec<Unmet> {
        Vec::new()
    }

    fn recordable_by(_: &AreaEvent) -> (Actors, Option<StreamId>) {
        (Actors::OPERATOR, None)
    }

    fn about(event: &AreaEvent) -> Option<StreamId> {
        match event {
            AreaEvent::AuthorityRecorded(e) => Some(e.authority),
            _ => None,
        }
    }

    fn partnership(_: StreamId, _: &AreaState) -> Option<StreamId> {
        None
    }
}
