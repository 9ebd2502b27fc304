//! What a subject may look like. It is what policies and the access log name, so text that could
//! pass for somebody of another kind is none.

/// Whether another issuer, a proxy or a tenant's backend may name somebody so: 1 to 256 bytes without
/// control characters, and none of the names that are ours to give (`anonymous`, `keys/…`,
/// `tokens/…`, `clients/…`).
pub fn is_subject(text: &str) -> bool {
    (1..=MAX).contains(&text.len())
        && !text.chars().any(char::is_control)
        && text != "anonymous"
        && !RESERVED.iter().any(|prefix| text.starts_with(prefix))
}

const MAX: usize = 256;
const RESERVED: [&str; 3] = ["keys/", "tokens/", "clients/"];

#[cfg(test)]
mod tests {
    use super::*;

    /// S2-10: nobody can be named so that the policy takes them for somebody else.
    #[test]
    fn names_that_are_ours_to_give_are_no_subjects() {
        for good in ["alice", "auth0|1", "a b", "Anonymous", "my/keys/", "ä"] {
            assert!(is_subject(good), "{good}");
        }
        for bad in [
            "",
            "anonymous",
            "keys/ci",
            "tokens/x",
            "clients/x",
            "a\nb",
            "a\u{85}",
        ] {
            assert!(!is_subject(bad), "{bad}");
        }
        assert!(is_subject(&"a".repeat(256)));
        assert!(!is_subject(&"a".repeat(257)));
    }
}
