//! The OpenAPI document without its paths.

use aide::generate::GenContext;
use aide::openapi::{
    Components, Info, License, OpenApi, ReferenceOr, Response, SecurityScheme, Tag,
};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;

use super::media;
use crate::problem::{Code, Document};

/// The statuses a problem can have.
fn problem_statuses() -> Vec<u16> {
    let mut all: Vec<_> = Code::ALL.iter().map(|code| code.status()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Makes ready for JSON Schema 2020-12, which OpenAPI 3.1 uses.
pub(crate) fn begin() {
    aide::generate::reset_context();
    aide::generate::infer_responses(false);
    aide::generate::in_context(|ctx| {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        ctx.schema = SchemaGenerator::new(settings);
    });
}

/// The document without its paths.
pub(crate) fn frame(ctx: &mut GenContext) -> OpenApi {
    let mut components = Components::default();
    let problem = ctx.schema.subschema_for::<Document>();
    for status in problem_statuses() {
        let codes = Code::ALL.iter().filter(|code| code.status() == status);
        let lines: Vec<_> = codes
            .map(|code| format!("`{}`: {}", code.name(), code.title()))
            .collect();
        let response = Response {
            description: lines.join(". "),
            content: [(
                "application/problem+json".to_owned(),
                media(problem.clone(), None),
            )]
            .into(),
            ..Response::default()
        };
        components
            .responses
            .insert(format!("Problem{status}"), ReferenceOr::Item(response));
    }
    let scheme = SecurityScheme::Http {
        scheme: "bearer".to_owned(),
        bearer_format: None,
        description: Some("An API key, which begins with `dutyledger_`.".to_owned()),
        extensions: Default::default(),
    };
    components
        .security_schemes
        .insert("key".to_owned(), ReferenceOr::Item(scheme));
    OpenApi {
        info: Info {
            title: "Dutyledger".to_owned(),
            summary: Some("A record of the Serious Violence Duty in England and Wales".to_owned()),
            description: Some(DESCRIPTION.to_owned()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            license: Some(License {
                name: "MIT".to_owned(),
                identifier: Some("MIT".to_owned()),
                ..License::default()
            }),
            ..Info::default()
        },
        components: Some(components),
        tags: TAGS
            .iter()
            .map(|(name, description)| Tag {
                name: (*name).to_owned(),
                description: Some((*description).to_owned()),
                ..Tag::default()
            })
            .collect(),
        ..OpenApi::default()
    }
}

const DESCRIPTION: &str = "Partnerships record here what they do under Chapter 1 of Part 2 of the \
    Police, Crime, Sentencing and Courts Act 2022. Every entry stays; a correction withdraws an \
    earlier entry and both can be read. \n\n\
    Send an API key with every request under `/v1`. Send `Idempotency-Key` with every POST that \
    you may have to repeat, and `If-Match` with the version you read where nobody may have changed \
    it since. What you see only in part has no version for you, and its `ETag` is a hash of what \
    is shown. What you may not see is answered as if it were not there. Dates are civil dates in \
    Europe/London; instants are in UTC.";

const TAGS: &[(&str, &str)] = &[
    (
        "Areas",
        "Local government areas (s.11(4)) and the authorities recorded for them.",
    ),
    (
        "Authorities",
        "Offices: a body in a capacity (ss.11, 12 and 14).",
    ),
    (
        "Partnerships",
        "Specified authorities that collaborate, and those who take part (ss.8, 9).",
    ),
    (
        "Needs assessments",
        "The evidence a strategy answers (paragraph 14 of the guidance).",
    ),
    (
        "Strategies",
        "Strategies for preventing and reducing serious violence (ss.8, 9).",
    ),
    (
        "Directions",
        "Findings, directions and what follows from them (ss.14, 18).",
    ),
    ("Record", "Entries, reviews, triggers and rules."),
    ("Service", "Keys, the rule pack and how the service is."),
];
