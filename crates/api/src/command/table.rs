//! The table of commands: one line each.

use std::marker::PhantomData;

use aide::axum::ApiRouter;
use aide::generate::GenContext;
use aide::openapi::Operation;
use serde_json::{Value, json};

use dutyledger_domain::streams::CorrectEntry;
use dutyledger_domain::{Particulars, StreamKind};
use dutyledger_record::StreamId;

use super::words::{camel, who};
use super::{Body, On, Recorded, carry_out};
use crate::app::App;
use crate::doc::{self, Doc};
use crate::endpoint;
use crate::permissions::{self, WHO};

/// The commands on one kind of stream.
pub(super) struct Table<K> {
    router: ApiRouter<App>,
    tag: &'static str,
    collection: &'static str,
    kind: PhantomData<K>,
}

/// A line of the table: where it is, what it is for, what it rests on, and an example.
struct Line<P> {
    path: String,
    on: On<P>,
    summary: &'static str,
    cites: &'static str,
    example: Value,
}

impl<K: StreamKind> Table<K> {
    pub(super) const fn new(
        router: ApiRouter<App>,
        tag: &'static str,
        collection: &'static str,
    ) -> Self {
        Self {
            router,
            tag,
            collection,
            kind: PhantomData,
        }
    }

    /// A command that opens a stream.
    pub(super) fn opens<P>(
        self,
        path: &str,
        summary: &'static str,
        cites: &'static str,
        example: Value,
    ) -> Self
    where
        P: Particulars<K> + Into<K::Command> + Send + 'static,
    {
        self.add::<P>(&Line {
            path: path.to_owned(),
            on: On::New,
            summary,
            cites,
            example,
        })
    }

    /// A command that opens the one stream its particulars name.
    pub(super) fn opens_named<P>(
        self,
        path: &str,
        name: fn(&P) -> StreamId,
        summary: &'static str,
        cites: &'static str,
        example: Value,
    ) -> Self
    where
        P: Particulars<K> + Into<K::Command> + Send + 'static,
    {
        self.add::<P>(&Line {
            path: path.to_owned(),
            on: On::Named(name),
            summary,
            cites,
            example,
        })
    }

    /// A command on the stream in the path.
    pub(super) fn on<P>(
        self,
        segment: &str,
        summary: &'static str,
        cites: &'static str,
        example: Value,
    ) -> Self
    where
        P: Particulars<K> + Into<K::Command> + Send + 'static,
    {
        let path = format!("{}/{{id}}/{segment}", self.collection);
        self.add::<P>(&Line {
            path,
            on: On::Path,
            summary,
            cites,
            example,
        })
    }

    /// A command on the ledger itself.
    pub(super) fn on_ledger<P>(
        self,
        path: &str,
        summary: &'static str,
        cites: &'static str,
        example: Value,
    ) -> Self
    where
        P: Particulars<K> + Into<K::Command> + Send + 'static,
    {
        self.add::<P>(&Line {
            path: path.to_owned(),
            on: On::Ledger,
            summary,
            cites,
            example,
        })
    }

    /// The correction every kind of stream has, and the end of the table.
    pub(super) fn corrections(self) -> ApiRouter<App>
    where
        CorrectEntry: Particulars<K> + Into<K::Command>,
    {
        self.on::<CorrectEntry>(
            "corrections",
            "Withdraw an earlier entry",
            "the rule of the record that nothing is removed",
            json!({
                "entry_id": "0198d0c2-6f00-7000-8000-000000000009",
                "reason": "The date in the minutes was misread.",
            }),
        )
        .done()
    }

    /// The same, of what was recorded on the ledger itself, and the end of the table.
    pub(super) fn ledger_corrections(self, path: &str) -> ApiRouter<App>
    where
        CorrectEntry: Particulars<K> + Into<K::Command>,
    {
        self.on_ledger::<CorrectEntry>(
            path,
            "Withdraw the date of a deadline that was set",
            "the rule of the record that nothing is removed",
            json!({
                "entry_id": "0198d0c2-6f00-7000-8000-000000000009",
                "reason": "The Regulations were misread.",
            }),
        )
        .done()
    }

    pub(super) fn done(self) -> ApiRouter<App> {
        self.router
    }

    fn add<P>(self, line: &Line<P>) -> Self
    where
        P: Particulars<K> + Into<K::Command> + Send + 'static,
    {
        let Self {
            router,
            tag,
            collection,
            kind,
        } = self;
        let on = line.on;
        let run = endpoint::run(move |app, ask| carry_out::<K, P>(app, ask, on, collection));
        let describe = |op: &mut Operation, ctx: &mut GenContext| describe(op, ctx, tag, line);
        let router = endpoint::post(router, &line.path, run, describe);
        Self {
            router,
            tag,
            collection,
            kind,
        }
    }
}

fn describe<K, P>(op: &mut Operation, ctx: &mut GenContext, tag: &'static str, line: &Line<P>)
where
    K: StreamKind,
    P: Particulars<K>,
{
    let opens = matches!(line.on, On::New | On::Named(_));
    let id = match (P::NAME, line.on) {
        ("correct-entry", _) => camel(&format!("correct-{}-entry", K::NAME)),
        // Some commands open a stream or are given on an open one: two operations.
        (name, On::New) if P::OPENS == dutyledger_domain::Opens::Either => {
            let what = name.strip_prefix("record-").unwrap_or(name);
            camel(&format!("open-{}-by-{what}", K::NAME))
        }
        (name, _) => camel(name),
    };
    let description = format!(
        "{} {}\n\nRests on {}.",
        doc::about::<P>(),
        who(P::ACTORS),
        line.cites
    );
    let doc = Doc {
        id,
        tag,
        summary: line.summary.to_owned(),
        description,
    };
    doc::describe(op, doc, &line.path, ctx);
    op.extensions
        .insert(WHO.to_owned(), permissions::of(P::ACTORS));
    doc::command_headers(op);
    let body = ctx.schema.subschema_for::<Body<P>>();
    let mut example = json!({ "occurred_on": "2026-09-21", "particulars": &line.example });
    if P::SOURCED {
        example["source"] = json!({
            "title": "Report to the cabinet", "reference": "https://eastmere.example/report",
            "date": "2026-09-01",
        });
    }
    doc::body(op, body, example);
    let media = doc::media(ctx.schema.subschema_for::<Recorded>(), None);
    let etag = ("ETag", "The version of the stream, in double quotes.");
    let position = (
        "Dutyledger-Position",
        "The position of the last entry: see `wait_for`.",
    );
    let location = ("Location", "Where the new thing is read.");
    let (status, headers): (u16, &[_]) = if opens {
        (201, &[etag, position, location])
    } else {
        (200, &[etag, position])
    };
    doc::answers(
        op,
        status,
        "It is recorded.",
        Some(("application/json", media)),
        headers,
        &[400, 401, 403, 404, 409, 412, 413, 415, 422, 500, 503],
    );
}
