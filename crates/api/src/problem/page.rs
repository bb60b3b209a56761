//! The page of a problem's code, for people.

use super::Code;

/// The page of a code, by its name; nothing where there is no such code.
pub(crate) fn page(name: &str) -> Option<String> {
    let code = Code::ALL.iter().copied().find(|code| code.name() == name)?;
    let (title, status) = (code.title(), code.status());
    Some(format!(
        "<!DOCTYPE html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} - Dutyledger</title>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n\
         <p>Code: <code>{name}</code>. Status: {status}.</p>\n\
         <h2>What it means</h2>\n<p>{}</p>\n<h2>What to do</h2>\n<p>{}</p>\n\
         </main>\n</body>\n</html>\n",
        marked(code.meaning()),
        marked(code.advice()),
    ))
}

/// The text as HTML: our own constant text, in which backquotes stand round code.
fn marked(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    let mut within = false;
    for character in text.chars() {
        match character {
            '`' => {
                html.push_str(if within { "</code>" } else { "<code>" });
                within = !within;
            }
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_and_a_name_of_its_own() {
        let mut names = std::collections::BTreeSet::new();
        for code in Code::ALL {
            let page = page(code.name()).unwrap();
            assert!(page.contains(code.title()), "{}", code.name());
            assert_eq!(
                page.matches("<code>").count(),
                page.matches("</code>").count()
            );
            assert!(names.insert(code.name()));
            assert!((400..600).contains(&code.status()));
        }
        assert_eq!(page("no-such-code"), None);
    }
}
