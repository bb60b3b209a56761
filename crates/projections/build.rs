//! Builds the crate again when a migration is changed.

fn main() {
    println!("cargo:rerun-if-changed=../../schemas/sql/sqlite/projections");
    println!("cargo:rerun-if-changed=../../schemas/sql/postgres/projections");
}
