//! Writes the files that describe what this program writes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dutyledger_application::schemas::{event_schema_files, rules_page};

use crate::cli::SchemaSettings;
use crate::exit::Failure;

/// Writes the schemas, and says which files there are.
///
/// # Errors
/// When a folder or a file cannot be made.
pub(crate) fn run(settings: &SchemaSettings, json: bool) -> Result<(), Failure> {
    let written = write(&settings.out).map_err(Failure::other)?;
    if json {
        let paths: Vec<_> = written
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        println!("{}", serde_json::json!({ "written": paths }));
    } else {
        for path in &written {
            println!("{}", path.display());
        }
    }
    Ok(())
}

/// Every file, as its path below the folder of schemas and its text. Other files that are made from
/// the code join here, each from a pure function that a test can compare with the committed file.
fn files() -> Vec<(String, String)> {
    let mut files = event_schema_files();
    files.extend(dutyledger_messages::schema_files());
    files.push((
        "asyncapi.json".to_owned(),
        format!("{:#}\n", dutyledger_messages::asyncapi()),
    ));
    files.push((
        "openapi.json".to_owned(),
        format!("{:#}\n", dutyledger_api::openapi()),
    ));
    files.push(("rules.md".to_owned(), rules_page()));
    files.push(("permissions.txt".to_owned(), dutyledger_api::permissions()));
    files
}

/// Writes every file below a folder, and tells which there are. A file that already says the same
/// is left alone.
///
/// # Errors
/// When a folder or a file cannot be made.
fn write(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for (path, text) in files() {
        let path = dir.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            fs::write(&path, text)?;
        }
        written.push(path);
    }
    Ok(written)
}
