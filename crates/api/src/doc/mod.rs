//! What the OpenAPI document says of every operation.

mod frame;

use aide::generate::GenContext;
use aide::openapi::{
    Header, HeaderStyle, MediaType, Operation, Parameter, ParameterData, ParameterSchemaOrContent,
    PathStyle, ReferenceOr, RequestBody, Response, Responses, SchemaObject, StatusCode,
};
use schemars::{JsonSchema, Schema, json_schema};
use serde_json::Value;

pub(crate) use frame::{begin, frame};

/// What is said of an operation.
pub(crate) struct Doc {
    pub(crate) id: String,
    pub(crate) tag: &'static str,
    pub(crate) summary: String,
    pub(crate) description: String,
}

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
            "The version it must be at, in double quotes. For those who see the thing whole: seen in \
             part it has no version, and the ETag of such a read cannot be sent here.",
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
