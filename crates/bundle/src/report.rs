//! The report: the figures as a page that people read and print. It is a function of the figures and
//! the checkpoint alone, so whoever checks a bundle writes it again and compares.

use std::fmt::Write as _;

use serde_json::Value;

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
    let mut page = Page::default();
    page.raw("<!DOCTYPE html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.element("title", &title);
    page.raw(&format!(
        "<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
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
        of_partnership(&mut page, partnership);
    }
    counts(&mut page, &figures["counts"]);
    page.raw("</main>\n</body>\n</html>\n");
    page.text
}

fn of_partnership(page: &mut Page, p: &Value) {
    page.element("h2", "The partnership");
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    page.table(
        "The partnership",
        &["What", "Value"],
        &[
            row("Id", plain(&p["id"])),
            row("Formed", words(&p["formed_on"])),
            row("Dissolved", words(&p["dissolved_on"])),
            row("Areas", plain(&p["areas"])),
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
                "Strategy {}: {} reviews recorded. The next annual review (guidance, R-42.1) is due \
                 on {}: {}.",
                plain(&strategy["id"]),
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
    let to_do: Vec<_> = items(&p["to_do"])
        .map(|o| {
            vec![
                plain(&o["rule"]),
                spaced(&o["status"]),
                words(&o["due"]),
                plain(&o["says"]),
                plain(&o["why"]),
            ]
        })
        .collect();
    page.table(
        "Due or overdue",
        &["Row", "Status", "Due", "What it says", "Why"],
        &to_do,
    );
    page.element("h2", "What bears on a direction (s.18)");
    let shown: Vec<_> = items(&p["triggers"])
        .map(|t| {
            vec![
                plain(&t["authority"]),
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

fn counts(page: &mut Page, counts: &Value) {
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
        .map(|(id, count)| vec![id.clone(), plain(count)])
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
}
