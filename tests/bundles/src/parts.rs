//! A bundle taken apart, so that somebody can tamper with it.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use serde_json::{Value, json};
use zip::ZipArchive;

use dutyledger_record::{canonical_json, sha256_hex};

use crate::archive::{stored, zipped};

const MANIFEST: &str = "manifest.json";

/// The files of a bundle.
#[derive(Clone)]
pub struct Parts(pub BTreeMap<String, Vec<u8>>);

impl Parts {
    /// Takes a bundle apart.
    #[must_use]
    pub fn of(bundle: &[u8]) -> Self {
        let mut archive = ZipArchive::new(Cursor::new(bundle)).unwrap();
        let mut parts = BTreeMap::new();
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            parts.insert(file.name().unwrap().into_owned(), bytes);
        }
        Self(parts)
    }

    /// The lines of the entries.
    #[must_use]
    pub fn entries(&self) -> Vec<String> {
        let text = String::from_utf8(self.0["entries.jsonl"].clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// With other entries.
    #[must_use]
    pub fn with_entries(self, entries: &[String]) -> Self {
        let text: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
        let counted = self.with("entries.jsonl", text.as_bytes());
        counted.with_manifest(|manifest| manifest["entries"] = entries.len().into())
    }

    /// With a file in place of another.
    #[must_use]
    pub fn with(mut self, name: &str, bytes: &[u8]) -> Self {
        self.0.insert(name.to_owned(), bytes.to_vec());
        self
    }

    /// Without a file.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name).unwrap();
        self
    }

    /// With a text in one of its files in place of another.
    #[must_use]
    pub fn with_text(self, name: &str, from: &str, to: &str) -> Self {
        let text = String::from_utf8(self.0[name].clone()).unwrap();
        assert!(text.contains(from), "{name} does not hold {from}");
        self.with(name, text.replacen(from, to, 1).as_bytes())
    }

    /// With another manifest.
    #[must_use]
    pub fn with_manifest(self, change: impl FnOnce(&mut Value)) -> Self {
        let mut manifest = serde_json::from_slice(&self.0[MANIFEST]).unwrap();
        change(&mut manifest);
        let text = canonical_json(&manifest).unwrap();
        self.with(MANIFEST, text.as_bytes())
    }

    /// With a manifest that fits the files, as whoever tampers would make it.
    #[must_use]
    pub fn listed_anew(self) -> Self {
        let listed: Vec<_> = self
            .0
            .iter()
            .filter(|(path, _)| *path != MANIFEST && !path.starts_with("proofs/inclusion/"))
            .map(|(path, bytes)| {
                json!({ "bytes": bytes.len(), "path": path, "sha256": sha256_hex(bytes) })
            })
            .collect();
        self.with_manifest(|manifest| manifest["files"] = listed.into())
    }

    fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let files = self.0.iter();
        files.map(|(name, bytes)| (name.as_str(), &bytes[..]))
    }

    /// The bundle.
    #[must_use]
    pub fn zipped(&self) -> Vec<u8> {
        zipped(self.files())
    }

    /// The bundle, nothing in it compressed.
    #[must_use]
    pub fn stored(&self) -> Vec<u8> {
        stored(self.files())
    }
}
