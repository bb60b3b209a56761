//! Every code a problem can have, with its status and its page: the one table.

/// Declares the codes, each with its name, status, title, meaning and advice.
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal, $status:literal, $title:literal, $meaning:literal, $advice:literal;)+) => {
        /// The code of a problem. Codes are stable: they never change their meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $code),+ }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$code),+];

            /// Its name, as it stands in `code` and at the end of `type`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$code => $name),+ }
            }

            /// The HTTP status it usually has.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$code => $status),+ }
            }

            /// Its title.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$code => $title),+ }
            }

            /// What it means.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$code => $meaning),+ }
            }

            /// What to do about it.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$code => $advice),+ }
            }
        }
    };
}

codes! {
    /// A row that must be met is not.
    RuleNotMet = "rule-not-met", 409,
        "A rule is not met",
        "The duty asks for something first that the record does not show on the date you gave. Nothing was recorded.",
        "Read `rules`: each names its section or paragraph, says what is missing and what to do next. If it already happened elsewhere, record it as a past fact with its source.";
    /// A row that should be met is not, and no reason was given.
    ReasonRequired = "reason-required", 422,
        "Give a reason for going on",
        "A rule that should be met is not. You may go on, but the record needs your reason. Nothing was recorded.",
        "Send the request again with one entry in `reasons` for each rule named in `rules`.";
    /// The date is after today.
    DateAfterToday = "date-after-today", 422,
        "The date is after today",
        "Things are recorded on or after the day they happen, by the date in Europe/London.",
        "Give today's date or an earlier one in `occurred_on`.";
    /// The date is before the stream was opened.
    DateBeforeOpening = "date-before-opening", 422,
        "The date is too early",
        "The date in `occurred_on` is before the thing it is about was opened.",
        "Check the date. Where the opening itself is dated wrongly, ask the operator.";
    /// What the request is about is not there.
    NotFound = "not-found", 404,
        "Not found",
        "There is nothing here that you can see. The answer is the same whether it does not exist or is not for you to see. With status 422, something the request names is not there: `errors` says which member.",
        "Check the id. If you expected to see it, check that you are using the right key.";
    /// The thing is already so.
    AlreadySo = "already-so", 409,
        "It is already so",
        "What you asked for has already happened, so nothing was recorded.",
        "Read the current state. To change it, use the request made for that.";
    /// The thing is not in a state where this can happen.
    WrongState = "wrong-state", 409,
        "It cannot happen at this point",
        "The thing is not at a stage where this can happen on the date you gave. Nothing was recorded.",
        "Read the current state and what comes first.";
    /// Something in the request does not fit.
    Invalid = "invalid", 422,
        "Something in the request does not fit",
        "One or more members of the request are missing, unknown or have a value that cannot be used. Nothing was recorded.",
        "Read `errors`: each points at the member and says what is wrong with it.";
    /// The principal may not do this.
    NotPermitted = "not-permitted", 403,
        "You may not do this",
        "This key stands for a body or an office that may not do this. Each authority acts for itself.",
        "Use the key of a body that may do it, or have the coordinator report it where that is allowed.";
    /// A past fact or a report was given without a source.
    SourceRequired = "source-required", 422,
        "A source is needed",
        "A past fact and a report each need a source that shows it.",
        "Add `source` with a title, a reference and a date.";
    /// There is no key, or none that holds.
    Unauthenticated = "unauthenticated", 401,
        "A key is needed",
        "The request has no API key, or one that is unknown, expired or revoked.",
        "Send `Authorization: Bearer dutyledger_…`. If your key has expired, ask the operator for a new one.";
    /// The stream is no longer at the version named in `If-Match`.
    Stale = "stale", 412,
        "It has changed since you read it",
        "`If-Match` names a version that is no longer the current one. Nothing was recorded.",
        "Read it again, check that your request still makes sense, and send it with the new version.";
    /// Others kept changing what the request rests on.
    Conflict = "conflict", 409,
        "Others are changing the same things",
        "What the request rests on changed each time it was decided. Nothing was recorded.",
        "Send the request again after a moment.";
    /// The idempotency key was used for another request.
    IdempotencyMismatch = "idempotency-mismatch", 422,
        "The idempotency key was used for another request",
        "An idempotency key names one request for 30 days. This one was used for a request that differs. Nothing was recorded.",
        "Use a new idempotency key for a new request. To repeat the old one, send exactly the same.";
    /// A request with the same idempotency key is still being carried out.
    InFlight = "in-flight", 409,
        "The same request is still being carried out",
        "A request with this idempotency key has not finished yet.",
        "Send the same request again after a moment: it gives the first answer again.";
    /// The request, or what it would record, is too large.
    TooLarge = "too-large", 413,
        "The request is too large",
        "The request, or what it would record, is larger than is allowed. Nothing was recorded.",
        "Send less at once: shorter texts, or several requests.";
    /// Whether it was recorded is not known.
    OutcomeUnknown = "outcome-unknown", 500,
        "It is not known whether this was recorded",
        "The request was interrupted while it was being recorded.",
        "Send exactly the same request with the same idempotency key: it is then recorded once, or the first answer is given again. Without an idempotency key, read the current state first.";
    /// Too much is waiting.
    Busy = "busy", 503,
        "The service is busy",
        "Too much is waiting. Nothing was recorded.",
        "Send the request again after the time in `Retry-After`.";
    /// The ledger takes no more entries.
    Stopped = "stopped", 503,
        "Nothing can be recorded at the moment",
        "The ledger takes no more entries until it is opened again. Reading goes on. Nothing was recorded.",
        "Try again later. The operator knows why.";
    /// An erasure is recorded, and its key is not destroyed yet.
    KeyNotDestroyed = "key-not-destroyed", 503,
        "The key is not destroyed yet",
        "It is recorded; ask again to finish destroying the key. Nobody is served the text any more.",
        "Send the same request again after the time in `Retry-After`. If it goes on, give the operator the `request_id`.";
    /// Something is wrong on our side.
    Internal = "internal", 500,
        "There is a problem with the service",
        "Something went wrong on our side.",
        "Try again later. If it goes on, give the operator the `request_id`.";
    /// The body is not JSON.
    MalformedJson = "malformed-json", 400,
        "The body is not JSON",
        "The body of the request cannot be read as JSON.",
        "Send one JSON object, in UTF-8.";
    /// A header, a path or a query cannot be read.
    MalformedRequest = "malformed-request", 400,
        "The request cannot be read",
        "A header, a part of the address or a member of the query is unknown or cannot be read.",
        "Read `detail` and `errors`, and compare with the documentation at /docs.";
    /// The body is not said to be JSON.
    UnsupportedMediaType = "unsupported-media-type", 415,
        "The body must be JSON",
        "The request has a body that is not said to be JSON.",
        "Send `Content-Type: application/json`.";
    /// The address takes another method.
    MethodNotAllowed = "method-not-allowed", 405,
        "This address takes another method",
        "There is something at this address, but not for this method.",
        "Use a method named in the `Allow` header.";
    /// The rows have not reached the position asked for.
    NotThereYet = "not-there-yet", 503,
        "The answer is not there yet",
        "The position in `wait_for` was not reached in time. What you recorded is safe.",
        "Send the request again after the time in `Retry-After`.";
    /// A reader goes on after a position the ledger does not have.
    BeyondTheLedger = "beyond-the-ledger", 409,
        "The ledger does not go that far",
        "You go on after a position that this ledger does not have: it was restored from a backup, or is another ledger.",
        "Look at what you did for the positions it does not have, then go on from one it has.";
    /// A read took too long.
    TookTooLong = "took-too-long", 503,
        "The request took too long",
        "The request was given up because it took too long.",
        "Ask for less at once, or try again later.";
}
