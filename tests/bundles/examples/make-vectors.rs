//! Writes the vectors anew, and the corpora that readers are tried with.

use std::fs;

use dutyledger_test_bundles::{Vector, corpora, folder, repository, vectors};

fn main() {
    let (vectors, files) = vectors();
    let folder = folder();
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).unwrap();
    }
    let index: Vec<_> = vectors.iter().map(Vector::to_json).collect();
    let text = serde_json::to_string_pretty(&index).unwrap() + "\n";
    fs::write(folder.join("index.json"), text).unwrap();
    for (name, bytes) in corpora() {
        let path = repository().join("tests/fuzz/corpus").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
