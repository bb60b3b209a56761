//! The names of events in file names and subjects.

/// The kebab-case form of a PascalCase event type, as file names and subjects have it.
#[must_use]
pub fn kebab_case(event_type: &str) -> String {
    let mut kebab = String::with_capacity(event_type.len() + 8);
    for (at, letter) in event_type.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_type_is_written_in_kebab_case() {
        assert_eq!(kebab_case("StrategyAdopted"), "strategy-adopted");
        assert_eq!(
            kebab_case("SecretaryOfStateSatisfied"),
            "secretary-of-state-satisfied"
        );
        assert_eq!(kebab_case("Opened"), "opened");
    }
}
