//! What the OpenAPI document says of every operation.

use aide::generate::GenContext;
use aide::openapi::{
    Components, Header, HeaderStyle, Info, License, MediaType, OpenApi, Operation, Parameter,
    ParameterData, ParameterSchemaOrContent, PathStyle, ReferenceOr, RequestBody, Response,
    Responses, SchemaObject, SecurityScheme, StatusCode, Tag,
};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use crate::problem::{Code, Document};

/// What is said of an operation.
pub(crate) struct Doc {
    pub(crate) id: String,
    pub(crate) tag: &'static str,
    pub(crate) summary: String,
    pub(crate) description: String,
}

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
    it since. What you may not see is answered as if it were not there. Dates are civil dates in \
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

/// Says of an operation what every operation says.
pub(crate) fn describe(operation: &mut Operation, doc: Doc, path: &str, ctx: &mut GenContext) {
    operation.operation_id = Some(doc.id);
    operation.tags = vec![doc.tag.to_owned()];
    operation.summary = Some(doc.summary);
    operation.description = Some(doc.description);
    for name in path
        .split('/')
        .filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'))
    {
        let format = match name {
            "n" => json_schema!({ "type": "integer", "minimum": 1 }),
            "rule" | "code" | "file" => json_schema!({ "type": "string" }),
            _ => ctx.schema.subschema_for::<uuid::Uuid>(),
        };
        let parameter = Parameter::Path {
            parameter_data: parameter(name, path_meaning(name), true, format),
            style: PathStyle::Simple,
        };
        operation.parameters.push(ReferenceOr::Item(parameter));
    }
    if path.starts_with("/v1/") {
        operation.security = vec![[("key".to_owned(), Vec::new())].into_iter().collect()];
    }
}

fn path_meaning(name: &str) -> &'static str {
    match name {
        "n" => "The version of the strategy.",
        "rule" => "The rule, such as `R-10.6`.",
        "code" => "The code of the problem.",
        "file" => "The file.",
        "entry_id" => "The entry.",
        _ => "Its id.",
    }
}

fn parameter(name: &str, description: &str, required: bool, schema: Schema) -> ParameterData {
    ParameterData {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required,
        deprecated: None,
        format: ParameterSchemaOrContent::Schema(object(schema)),
        example: None,
        examples: Default::default(),
        explode: None,
        extensions: Default::default(),
    }
}

/// The headers a command takes.
pub(crate) fn command_headers(operation: &mut Operation) {
    let headers = [
        (
            "Idempotency-Key",
            "Names the request, so that repeating it records nothing twice: 1 to 200 visible \
             ASCII characters.",
            json_schema!({ "type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$" }),
        ),
        (
            "If-Match",
            "The version it must be at, in double quotes.",
            json_schema!({ "type": "string", "pattern": "^\"[0-9]+\"$" }),
        ),
    ];
    for (name, description, schema) in headers {
        let parameter = Parameter::Header {
            parameter_data: parameter(name, description, false, schema),
            style: HeaderStyle::Simple,
        };
        operation.parameters.push(ReferenceOr::Item(parameter));
    }
}

/// The body of a request, with an example.
pub(crate) fn body(operation: &mut Operation, schema: Schema, example: Value) {
    operation.request_body = Some(ReferenceOr::Item(RequestBody {
        description: None,
        content: [("application/json".to_owned(), media(schema, Some(example)))].into(),
        required: true,
        extensions: Default::default(),
    }));
}

/// The answers of an operation: the good one and the problems.
pub(crate) fn answers(
    operation: &mut Operation,
    status: u16,
    description: &str,
    content: Option<(&str, MediaType)>,
    headers: &[(&str, &str)],
    problems: &[u16],
) {
    let good = Response {
        description: description.to_owned(),
        content: content
            .into_iter()
            .map(|(kind, media)| (kind.to_owned(), media))
            .collect(),
        headers: headers
            .iter()
            .map(|(name, about)| header(name, about))
            .collect(),
        ..Response::default()
    };
    let responses = operation.responses.get_or_insert_with(Responses::default);
    responses
        .responses
        .insert(StatusCode::Code(status), ReferenceOr::Item(good));
    for problem in problems {
        let reference = ReferenceOr::Reference {
            reference: format!("#/components/responses/Problem{problem}"),
            summary: None,
            description: None,
        };
        responses
            .responses
            .insert(StatusCode::Code(*problem), reference);
    }
}

fn header(name: &str, about: &str) -> (String, ReferenceOr<Header>) {
    let header = Header {
        description: Some(about.to_owned()),
        style: HeaderStyle::Simple,
        required: false,
        deprecated: None,
        format: ParameterSchemaOrContent::Schema(object(json_schema!({ "type": "string" }))),
        example: None,
        examples: Default::default(),
        extensions: Default::default(),
    };
    (name.to_owned(), ReferenceOr::Item(header))
}

pub(crate) fn media(schema: Schema, example: Option<Value>) -> MediaType {
    MediaType {
        schema: Some(object(schema)),
        example,
        ..MediaType::default()
    }
}

fn object(json_schema: Schema) -> SchemaObject {
    SchemaObject {
        json_schema,
        external_docs: None,
        example: None,
    }
}

/// What a type's documentation says of it.
pub(crate) fn about<T: JsonSchema>() -> String {
    let schema = schemars::schema_for!(T);
    schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
