//! The report: the figures as a page that people read and print. It is a function of the figures and
//! the checkpoint alone, so whoever checks a bundle writes it again and compares.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use dutyledger_proofs::Checkpoint;
use dutyledger_record::hex;

use crate::figures::words;

const STYLE: &str = "body{font:16px/1.5 Arial,sans-serif;color:#0b0c0c;max-width:60rem;\
margin:2rem auto;padding:0 1rem}h1,h2{line-height:1.2}table{border-collapse:collapse;width:100%;\
margin:1rem 0}caption{text-align:left;font-weight:bold;padding:.5rem 0}th,td{text-align:left;\
vertical-align:top;border-bottom:1px solid #b1b4b6;padding:.4rem .6rem .4rem 0;\
overflow-wrap:anywhere}td.n,th.n{text-align:right}.note{border-left:5px solid #1d70b8;\
padding:.5rem 1rem}@media print{body{max-width:none;margin:0;font-size:11pt}thead{display:\
table-header-group}tr{break-inside:avoid}h2{break-after:avoid}}";

/// The page.
pub(crate) fn report(figures: &Value, checkpoint: &Checkpoint) -> String {
    let partnership = &figures["partnership"];
    let title = match partnership["name"].as_str() {
        Some(name) => format!("The record of {name}"),
        None if partnership.is_null() => "The record of the serious violence duty".to_owned(),
        None => "The record of a partnership".to_owned(),
    };
    let names = Names(figures["names"].as_object());
    // Bundles that name nothing keep the page they were written with.
    let style = match names.0 {
        Some(_) => STYLE.replace("overflow-wrap:anywhere", "overflow-wrap:break-word"),
        None => STYLE.to_owned(),
    };
    let mut page = Page::default();
    page.raw("<!DOCTYPE html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.element("title", &title);
    page.raw(&format!(
        "<style>{style}</style>\n</head>\n<body>\n<main>\n"
    ));
    page.element("h1", &title);
    page.element(
        "p",
        &format!(
            "As true on {}, as known when the ledger had {} entries.",
            words(&figures["on"]),
            checkpoint.size
        ),
    );
    page.table(
        "The checkpoint",
        &["What", "Value"],
        &[
            vec!["Ledger".to_owned(), checkpoint.origin.clone()],
            vec!["Entries".to_owned(), checkpoint.size.to_string()],
            vec!["Root of their tree".to_owned(), hex(&checkpoint.root)],
            vec!["Rule pack".to_owned(), {
                let rules = &figures["rules"];
                format!("{}, revision {}", plain(&rules["pack"]), rules["revision"])
            }],
        ],
    );
    page.element("h2", "What this shows and what it does not");
    page.raw("<div class=\"note\">\n");
    if partnership.is_null() {
        page.element(
            "p",
            "The bundle holds every entry of the ledger up to the checkpoint. Its signature shows \
             that the holder of the ledger's key vouches for exactly these entries in this order. \
             It does not show that what they say is true.",
        );
    } else {
        page.element(
            "p",
            "Each entry comes with a proof that it is in the ledger. The bundle cannot show that it \
             holds every entry about the partnership: an inclusion proof says what is there, not \
             what is missing. Within each stream no entry is missing up to the last one shown; \
             later entries of it, and whole other streams, may be.",
        );
        page.element(
            "p",
            "Missing evidence is not a breach. Whether an authority has failed to comply is for the \
             Secretary of State.",
        );
    }
    page.raw("</div>\n");
    if !partnership.is_null() {
        of_partnership(&mut page, partnership, &names);
    }
    counts(&mut page, &figures["counts"], &names);
    page.raw("</main>\n</body>\n</html>\n");
    page.text
}

/// What is called what, in bundles whose figures say so.
struct Names<'a>(Option<&'a Map<String, Value>>);

impl Names<'_> {
    fn of(&self, id: &str) -> Option<&str> {
        self.0?.get(id)?.as_str()
    }

    /// A name with its id, or the id alone.
    fn with_id(&self, id: &str) -> String {
        let named = self.of(id).map(|name| format!("{name} ({id})"));
        named.unwrap_or_else(|| id.to_owned())
    }

    /// Whose something is: the partnership's as a whole where it names no authority.
    fn whose(&self, id: &Value) -> String {
        let own = || "The partnership".to_owned();
        id.as_str().map_or_else(own, |id| self.with_id(id))
    }
}

fn of_partnership(page: &mut Page, p: &Value, names: &Names<'_>) {
    page.element("h2", "The partnership");
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    page.table(
        "The partnership",
        &["What", "Value"],
        &[
            row("Id", plain(&p["id"])),
            row("Formed", words(&p["formed_on"])),
            row("Dissolved", words(&p["dissolved_on"])),
            row("Areas", {
                let ids = items(&p["of_areas"]).filter_map(Value::as_str);
                let named: Vec<_> = ids.map(|id| names.of(id).unwrap_or(id)).collect();
                match named.as_slice() {
                    [] => plain(&p["areas"]),
                    named => named.join(", "),
                }
            }),
            row("Members, past ones included", plain(&p["members"])),
            row("Its sources reach to", words(&p["sources_reach"])),
        ],
    );
    page.element("h2", "Strategies");
    for strategy in items(&p["strategies"]) {
        let review = &strategy["review"];
        page.element(
            "p",
            &format!(
                "{}: {} reviews recorded. The next annual review (guidance, R-42.1) is due \
                 on {}: {}.",
                match strategy["title"].as_str() {
                    Some(title) => format!("{title} (strategy {})", plain(&strategy["id"])),
                    None => format!("Strategy {}", plain(&strategy["id"])),
                },
                plain(&strategy["reviews"]),
                words(&review["due_on"]),
                spaced(&review["status"])
            ),
        );
        let versions: Vec<_> = items(&strategy["versions"])
            .map(|v| {
                vec![
                    plain(&v["number"]),
                    words(&v["adopted_on"]),
                    words(&v["published_on"]),
                    plain(&v["actions"]),
                ]
            })
            .collect();
        page.table(
            "Its versions",
            &["Version", "Adopted", "Published", "Actions"],
            &versions,
        );
    }
    page.element("h2", "Obligations");
    let by_status: Vec<_> = members(&p["obligations"])
        .map(|(status, count)| vec![status.replace('_', " "), plain(count)])
        .collect();
    page.table("How they stand", &["Status", "Rows"], &by_status);
    let mut heads = vec!["Row", "Status", "Due", "What it says", "Why"];
    if names.0.is_some() {
        heads.insert(1, "Whose");
    }
    let to_do: Vec<_> = items(&p["to_do"])
        .map(|o| {
            let mut cells = vec![
                plain(&o["rule"]),
                spaced(&o["status"]),
                words(&o["due"]),
                plain(&o["says"]),
                plain(&o["why"]),
            ];
            if names.0.is_some() {
                cells.insert(1, names.whose(&o["authority"]));
            }
            cells
        })
        .collect();
    page.table("Due or overdue", &heads, &to_do);
    page.element("h2", "What bears on a direction (s.18)");
    let shown: Vec<_> = items(&p["triggers"])
        .map(|t| {
            vec![
                names.whose(&t["authority"]),
                spaced(&t["duty"]),
                spaced(&t["state"]),
                words(&t["since"]),
                plain(&t["shows"]),
            ]
        })
        .collect();
    page.table(
        "Notices and triggers",
        &[
            "Authority",
            "Duty",
            "State",
            "Since",
            "What the record shows",
        ],
        &shown,
    );
}

fn counts(page: &mut Page, counts: &Value, names: &Names<'_>) {
    page.element("h2", "Entries");
    page.element(
        "p",
        &format!(
            "{} entries in this bundle, recorded from {} to {}; {} of them withdraw an earlier one.",
            plain(&counts["entries"]),
            plain(&counts["first_recorded_at"]),
            plain(&counts["last_recorded_at"]),
            plain(&counts["corrections"])
        ),
    );
    let mut rows = Vec::new();
    for (stream, kind) in members(&counts["by_stream_type"]) {
        for (event, count) in members(&kind["events"]) {
            rows.push(vec![stream.clone(), event.clone(), plain(count)]);
        }
    }
    page.table(
        "By type of stream and event",
        &["Stream", "Event", "Entries"],
        &rows,
    );
    let rows: Vec<_> = members(&counts["by_partnership"])
        .map(|(id, count)| vec![names.with_id(id), plain(count)])
        .collect();
    page.table(
        "By partnership concerned",
        &["Partnership", "Entries"],
        &rows,
    );
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn spaced(value: &Value) -> String {
    plain(value).replace('_', " ")
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn raw(&mut self, html: &str) {
        self.text.push_str(html);
    }

    fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                '\'' => self.text.push_str("&#39;"),
                c => self.text.push(c),
            }
        }
    }

    fn element(&mut self, name: &str, text: &str) {
        let _ = write!(self.text, "<{name}>");
        self.escaped(text);
        let _ = writeln!(self.text, "</{name}>");
    }

    fn table(&mut self, caption: &str, heads: &[&str], rows: &[Vec<String>]) {
        if rows.is_empty() {
            self.element("p", &format!("{caption}: none."));
            return;
        }
        self.raw("<table>\n");
        self.element("caption", caption);
        self.raw("<thead><tr>");
        for head in heads {
            self.raw("<th scope=\"col\">");
            self.escaped(head);
            self.raw("</th>");
        }
        self.raw("</tr></thead>\n<tbody>\n");
        for row in rows {
            self.raw("<tr>");
            for (place, cell) in row.iter().enumerate() {
                let (open, close) = if place == 0 {
                    ("<th scope=\"row\">", "</th>")
                } else {
                    ("<td>", "</td>")
                };
                self.raw(open);
                self.escaped(cell);
                self.raw(close);
            }
            self.raw("</tr>\n");
        }
        self.raw("</tbody>\n</table>\n");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_a_record_says_becomes_markup() {
        let hostile = "<script>alert('x')</script>&\"";
        let figures = json!({
            "on": "2026-11-21",
            "rules": { "pack": hostile, "revision": 1 },
            "partnership": { "name": hostile, "to_do": [{ "rule": hostile, "why": hostile }] },
            "counts": { "by_partnership": { hostile: 1 } },
        });
        let checkpoint = Checkpoint {
            origin: hostile.to_owned(),
            size: 1,
            root: [0; 32],
        };
        let page = report(&figures, &checkpoint);
        assert!(!page.contains("<script"));
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;"));
        assert!(page.contains("As true on 21 November 2026"));
    }

    #[test]
    fn whoever_has_a_name_is_called_by_it_and_what_was_written_without_names_stays_as_it_was() {
        let mut figures = json!({
            "partnership": {
                "areas": 1,
                "of_areas": ["id-of-the-area"],
                "strategies": [{ "id": "id-of-the-strategy", "title": "Safer streets" }],
                "to_do": [
                    { "rule": "R-42.1", "authority": null },
                    { "rule": "R-10.5", "authority": "id-of-the-council" },
                ],
                "triggers": [{ "authority": "id-of-the-council" }],
            },
            "counts": { "by_partnership": { "id-of-another": 3 } },
            "names": {
                "id-of-another": "Northmere partnership",
                "id-of-the-area": "Eastmere",
                "id-of-the-council": "Eastmere council",
            },
        });
        let checkpoint = Checkpoint {
            origin: String::new(),
            size: 1,
            root: [0; 32],
        };
        let page = report(&figures, &checkpoint);
        for cell in [
            "<td>Eastmere</td>",
            "<td>The partnership</td>",
            "<td>Eastmere council (id-of-the-council)</td>",
            "<th scope=\"row\">Eastmere council (id-of-the-council)</th>",
            "<th scope=\"row\">Northmere partnership (id-of-another)</th>",
        ] {
            assert!(page.contains(cell), "{cell}: {page}");
        }
        assert!(page.contains("<p>Safer streets (strategy id-of-the-strategy): "));
        figures["names"].take();
        let page = report(&figures, &checkpoint);
        assert!(!page.contains("Whose") && !page.contains("council ("));
        assert!(page.contains("<th scope=\"row\">id-of-the-council</th>"));
    }
}
