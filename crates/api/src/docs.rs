//! The documentation, with everything it needs: it loads nothing from elsewhere.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use aide::swagger::Swagger;

use crate::problem::{self, Problem};

/// Starts the page from the document of this server.
const START: &str = "window.ui = SwaggerUIBundle({\n  url: '/openapi.json',\n  dom_id: \
    '#swagger-ui',\n  layout: 'BaseLayout',\n  deepLinking: true,\n  validatorUrl: null,\n  \
    presets: [SwaggerUIBundle.presets.apis]\n});\n";

const PAGE: &str = "<!DOCTYPE html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
    <title>Dutyledger API</title>\n<link rel=\"stylesheet\" href=\"/docs/page.css\">\n\
    <script src=\"/docs/page.js\" defer></script>\n<script src=\"/docs/start.js\" defer></script>\n\
    </head>\n<body>\n<noscript><p>This page needs JavaScript. The same document, without it: \
    <a href=\"/openapi.json\">openapi.json</a>.</p></noscript>\n<main id=\"swagger-ui\"></main>\n\
    </body>\n</html>\n";

/// The routes of the documentation and of the problems' pages.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let (css, script) = assets();
    Router::new()
        .route("/docs", get(|| async { Html(PAGE) }))
        .route(
            "/docs/page.css",
            get(move || async move { file("text/css; charset=utf-8", css) }),
        )
        .route(
            "/docs/page.js",
            get(move || async move { file(JAVASCRIPT, script) }),
        )
        .route("/docs/start.js", get(|| async { file(JAVASCRIPT, START) }))
        .route("/problems/{code}", get(problem_page))
}

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

fn file(kind: &'static str, text: &'static str) -> Response {
    let cached = HeaderValue::from_static("public, max-age=3600");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, cached),
    ];
    (headers, text).into_response()
}

/// The style and the script, which the library hands out within one page. They are taken apart
/// once and live as long as the program does.
fn assets() -> (&'static str, &'static str) {
    static ASSETS: std::sync::LazyLock<(String, String)> = std::sync::LazyLock::new(|| {
        let page = Swagger::new("/openapi.json").html();
        let between = |from: &str, to: &str| {
            let (_, rest) = page.split_once(from).unwrap_or_default();
            rest.split_once(to)
                .map(|(text, _)| text.to_owned())
                .unwrap_or_default()
        };
        let script = between("<script>", "</script>\n<!-- `SwaggerUIBundle`");
        (between("<style>", "</style>"), script)
    });
    (&ASSETS.0, &ASSETS.1)
}

async fn problem_page(Path(code): Path<String>) -> Result<Html<String>, Problem> {
    problem::page(&code).map(Html).ok_or_else(Problem::absent)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_style_and_the_script_are_whole() {
        let (css, script) = super::assets();
        assert!(css.len() > 100_000 && script.len() > 1_000_000);
        assert!(script.contains("SwaggerUIBundle"));
    }
}
