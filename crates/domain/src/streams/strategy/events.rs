//! The events of a strategy.

use chrono::NaiveDate;
use dutyledger_record::{PublicText, Sealed, StreamId};

use crate::history::events;
use crate::values::{
    ActionStatus, Bases, Capacity, DecisionRule, EngagedGroup, ExceptedDuty, ExceptionGround, Harm,
    ItemId, Position, PublicationForm, ReviewDecision, ReviewScope, ViolenceCategory,
};

event! {
    /// Work on a strategy began, with its first version. Opens the stream.
    StrategyDrafted {
        /// What it is made under.
        bases: Bases,
        /// The partnership.
        partnership: StreamId,
        /// Its title.
        title: PublicText,
    }
}
event! {
    /// The particulars it was drafted with changed.
    StrategyAmended {
        /// What it is made under, from now on.
        bases: Bases,
        /// The title from now on.
        title: PublicText,
    }
}
event! {
    /// A version rests on a needs assessment; one entry of a list.
    AssessmentLinked {
        /// The needs assessment.
        assessment: StreamId,
        /// The version of the strategy.
        version: u32,
    }
}
event! {
    /// A kind of serious violence that occurs in the area was identified (s.8(3)(a)).
    ViolenceKindIdentified {
        /// The needs assessment that evidences it, where there is one.
        assessment: Option<StreamId>,
        /// The kind.
        category: ViolenceCategory,
        /// More about it, for publication.
        description: Option<PublicText>,
        /// The item's id.
        kind: ItemId,
        /// The version of the strategy.
        version: u32,
    }
}
event! {
    /// A cause of serious violence was identified (s.8(3)(b)).
    ViolenceCauseIdentified {
        /// The needs assessment that evidences it, where there is one.
        assessment: Option<StreamId>,
        /// The item's id.
        cause: ItemId,
        /// The cause, for publication.
        description: PublicText,
        /// The version of the strategy.
        version: u32,
    }
}
event! {
    /// Why causes could not be identified: the Act asks for them so far as it is possible
    /// (s.8(3)(b)).
    CauseRecordedAsUnknown {
        /// The version of the strategy.
        version: u32,
        /// Why, for publication.
        why: PublicText,
    }
}
event! {
    /// Consultation on a version opened.
    ConsultationOpened {
        /// The date by which responses are asked for.
        responses_by: NaiveDate,
        /// The version of the strategy.
        version: u32,
    }
}
event! {
    /// An authority was consulted on a version (s.8(4), 9(4)). A consultee that says nothing was
    /// still consulted.
    AuthorityConsulted {
        /// The authority.
        authority: StreamId,
        /// Its capacity.
        capacity: Capacity,
        /// The version of the strategy.
        version: u32,
    }
}
event! {
    /// A consultee responded. The text is sealed.
    ConsultationResponseRecorded {
        /// The authority.
        authority: StreamId,
        /// What it said, sealed.
        response: Option<Sealed>,
        /// The version of the strategy.
        version: u32,
    }
}
event! {
    /// Consultation on a version closed.
    ConsultationClosed {
        /// The version of the strategy.
        version: u32,
    }
}
event! {
    /// Views were gathered.
    EngagementHeld {
        /// Whose.
        group: EngagedGroup,
        /// The version of the strategy.
        version: u32,
    }
}
event! {
    /// Due regard under the Equality Act 2010 was recorded.
    EqualityImpactAssessed {
        /// The version of the strategy.
        version: u32,
    }
}
event! {
    /// The effect on people with protected characteristics was monitored.
    EqualityImpactMonitored {
        /// The version of the strategy.
        version: u32,
    }
}
event! {
    /// An action was proposed. The entries after it name the authorities it touches.
    ActionProposed {
        /// The item's id.
        action: ItemId,
        /// What is to be done, for publication.
        description: PublicText,
        /// The authority that carries it out.
        owner: StreamId,
        /// A short title, for publication.
        title: PublicText,
        /// The version of the strategy it is proposed for.
        version: u32,
    }
}
event! {
    /// The strategy gives an action a date (R-10.5, s.15(4)).
    ActionDated {
        /// The action.
        action: ItemId,
        /// The date by which it is to be done; it has passed from the next day.
        by: NaiveDate,
        /// The version of the strategy that gives it.
        version: u32,
    }
}
event! {
    /// The authority that carries an action out gave it a date, the first or another (s.15(2), (4)).
    ActionDateSet {
        /// The action.
        action: ItemId,
        /// The date by which it is to be done; it has passed from the next day.
        by: NaiveDate,
        /// The authority that carries it out.
        owner: StreamId,
        /// Why an earlier date moves, sealed.
        reason: Option<Sealed>,
    }
}
event! {
    /// An action was left out of a version being prepared, which was begun with it or had it proposed
    /// (s.8(7)(c)).
    ActionLeftOut {
        /// The action.
        action: ItemId,
        /// The version.
        version: u32,
    }
}
event! {
    /// An authority an action touches; one entry of a list.
    ActionAuthorityNamed {
        /// The action.
        action: ItemId,
        /// The authority.
        authority: StreamId,
        /// Its capacity.
        capacity: Capacity,
    }
}
event! {
    /// An authority agreed an action.
    ActionAgreed {
        /// The action.
        action: ItemId,
        /// The authority.
        authority: StreamId,
    }
}
event! {
    /// An authority declined an action.
    ActionDeclined {
        /// The action.
        action: ItemId,
        /// The authority.
        authority: StreamId,
        /// Why, sealed.
        reason: Option<Sealed>,
    }
}
event! {
    /// An authority claimed an exception (s.15(7)). Whether it holds is not decided here.
    ExceptionClaimed {
        /// The action it is claimed for, where it is about one.
        action: Option<ItemId>,
        /// The authority.
        authority: StreamId,
        /// Whether the cumulative effect of all duties was considered (R-fn8.2).
        cumulative_effect_considered: bool,
        /// The duty it is claimed against.
        duty: ExceptedDuty,
        /// The enactment, for ground (a).
        enactment: Option<PublicText>,
        /// To what extent, sealed.
        extent: Option<Sealed>,
        /// The ground.
        ground: ExceptionGround,
    }
}
event! {
    /// The ground of an exception that an authority claimed has ceased: the duty holds again
    /// (s.15(7): "if or to the extent that").
    ExceptionEnded {
        /// The action it was claimed for, where it was about one.
        action: Option<ItemId>,
        /// The authority.
        authority: StreamId,
        /// The duty it was claimed against.
        duty: ExceptedDuty,
    }
}
event! {
    /// The cost of an action on a school, prison or secure setting was assessed and agreed
    ///
    ActionCostAssessed {
        /// The action.
        action: ItemId,
    }
}
event! {
    /// An action came further.
    ActionProgressed {
        /// The action.
        action: ItemId,
        /// More about it, for publication.
        note: Option<PublicText>,
        /// The authority that carries it out.
        owner: StreamId,
        /// How far it has come.
        status: ActionStatus,
    }
}
event! {
    /// The specified authorities considered a part of a version and what harm it might do
    /// (s.8(8), 9(9)). The material itself is never recorded.
    MaterialConsidered {
        /// The harms they consider it might do; none clears it.
        harms: Vec<Harm>,
        /// The item's id.
        material: ItemId,
        /// A neutral name for the part of the document, such as "section 4, paragraph 2".
        part: PublicText,
        /// The version of the strategy.
        version: u32,
    }
}
event! {
    /// The part was taken out of the version.
    MaterialRemoved {
        /// The part considered.
        material: ItemId,
        /// The version of the strategy.
        version: u32,
    }
}
event! {
    /// An authority objected to material in a version. It holds adoption until determined (L-5).
    ObjectionRaised {
        /// The authority.
        authority: StreamId,
        /// The item's id.
        objection: ItemId,
        /// A neutral name for the part of the document.
        part: PublicText,
        /// Why, sealed.
        reason: Option<Sealed>,
        /// The version of the strategy.
        version: u32,
    }
}
event! {
    /// The specified authorities determined an objection.
    ObjectionDetermined {
        /// The harms they consider the part might do; none finds the objection not made out.
        harms: Vec<Harm>,
        /// The objection.
        objection: ItemId,
        /// The version of the strategy.
        version: u32,
    }
}
event! {
    /// A specified authority recorded its position on adopting a version (L-3).
    StrategyPositionRecorded {
        /// The authority.
        authority: StreamId,
        /// Its position.
        position: Position,
        /// Why, sealed.
        reason: Option<Sealed>,
        /// The version of the strategy.
        version: u32,
    }
}
event! {
    /// How the specified authorities stood, by the positions recorded with their own keys.
    Tally {
        /// How many abstained.
        abstained: u32,
        /// How many agreed.
        agreed: u32,
        /// How many objected.
        objected: u32,
        /// How many recorded no position.
        silent: u32,
    }
}
event! {
    /// The specified authorities adopted a version together (s.8(3)(c), 9(3)(c); L-3).
    StrategyAdopted {
        /// The rule they decided by.
        decide_by: DecisionRule,
        /// How they stood; none for a past fact, which was decided elsewhere.
        tally: Option<Tally>,
        /// The version of the strategy.
        version: u32,
    }
}
event! {
    /// A version was published (s.8(7)(a), 9(8)(a)).
    StrategyPublished {
        /// In what form.
        form: PublicationForm,
        /// Where it is found.
        locator: PublicText,
        /// The version of the strategy.
        version: u32,
    }
}
event! {
    /// A review was completed with its decision.
    ReviewCompleted {
        /// What it decided.
        decision: ReviewDecision,
        /// The item's id.
        review: ItemId,
        /// What it looked at.
        scope: ReviewScope,
        /// The version reviewed.
        version: u32,
    }
}
event! {
    /// Work on a revised version began, with the content of an earlier one (s.8(7)(c), 8(11)).
    RevisionStarted {
        /// The version it starts from.
        from_version: u32,
        /// The new version.
        version: u32,
    }
}
event! {
    /// Another strategy took this one's place.
    StrategySuperseded {
        /// The strategy that supersedes it.
        by: StreamId,
    }
}

events! {
    /// The events of a strategy.
    StrategyEvent {
        StrategyDrafted, StrategyAmended, AssessmentLinked, ViolenceKindIdentified,
        ViolenceCauseIdentified, CauseRecordedAsUnknown, ConsultationOpened, AuthorityConsulted,
        ConsultationResponseRecorded seals "/response" => response,
        ConsultationClosed, EngagementHeld, EqualityImpactAssessed, EqualityImpactMonitored,
        ActionProposed, ActionLeftOut, ActionDated,
        ActionDateSet seals "/reason" => reason,
        ActionAuthorityNamed, ActionAgreed,
        ActionDeclined seals "/reason" => reason,
        ExceptionClaimed seals "/extent" => extent,
        ExceptionEnded,
        ActionCostAssessed, ActionProgressed, MaterialConsidered, MaterialRemoved,
        ObjectionRaised seals "/reason" => reason,
        ObjectionDetermined,
        StrategyPositionRecorded seals "/reason" => reason,
        StrategyAdopted, StrategyPublished, ReviewCompleted, RevisionStarted, StrategySuperseded,
    }
}
