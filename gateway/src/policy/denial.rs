//! What the policy denied. The client learns who it is to us and what it asked for, and nothing of
//! the server or of the policy (CL-04); the rule goes to the access log.

use bytes::Bytes;
use serde_json::json;

/// A call that the policy does not allow.
#[derive(Debug)]
pub struct Denial {
    pub(super) subject: Box<str>,
    /// What `name` is: `tool`, `resource`, `prompt` or `method`.
    pub(super) field: &'static str,
    pub(super) name: Box<str>,
    pub(super) rule: Box<str>,
}

impl Denial {
    /// The id of the rule that decided (S4-55).
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The reply's body (S4-51). `id` is the raw JSON of the request's id.
    pub(crate) fn body(&self, id: Option<&str>) -> Bytes {
        let id = id.unwrap_or("null");
        let data = json!({ "subject": self.subject, self.field: self.name });
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{CODE},"message":"Access denied","data":{data}}}}}"#
        )
        .into()
    }
}

/// The JSON-RPC error code of a denied call (design.md §4).
pub const CODE: i32 = -31003;

#[cfg(test)]
mod tests {
    use super::*;

    /// S4-51, CL-04: whatever names contain, the body is one JSON-RPC error.
    #[test]
    fn a_denial_names_the_subject_and_the_tool_and_nothing_else() {
        let denial = Denial {
            subject: "alice\"\n".into(),
            field: "tool",
            name: "pay</script>\\".into(),
            rule: "dev[1]".into(),
        };
        let body: serde_json::Value = serde_json::from_slice(&denial.body(Some("\"7\""))).unwrap();
        let expected = json!({"jsonrpc": "2.0", "id": "7", "error": {
            "code": -31003, "message": "Access denied",
            "data": {"subject": "alice\"\n", "tool": "pay</script>\\"},
        }});
        assert_eq!(body, expected);
    }
}
