//! Tools whose definitions an operator gave by hand, classed by them once here, so that every node
//! decides alike and none has to read definitions.

use std::collections::BTreeMap;

use policy::{Class, classify_definition};
use proto::sync::v1::{ToolClass, ToolConfig};
use serde_json::Value;

/// The tools of a list in JSON. What has no name cannot be called; a list that is none has no tools.
/// Tools beyond what a resource carries go without: nodes class those by their names.
pub(super) fn read(list: &str) -> Vec<ToolConfig> {
    let definitions: Vec<Value> = serde_json::from_str(list).unwrap_or_default();
    let mut classes = BTreeMap::<&str, ToolClass>::new();
    for definition in &definitions {
        let Some(name) = definition.get("name").and_then(Value::as_str) else {
            continue;
        };
        if name.is_empty() || name.len() > MAX_NAME {
            continue;
        }
        let class = match classify_definition(definition).class {
            Class::Read => ToolClass::Read,
            Class::Write => ToolClass::Write,
            Class::Ambiguous => ToolClass::Ambiguous,
        };
        // Which of two is meant is anybody's guess.
        let known = classes.entry(name).or_insert(class);
        if *known != class {
            *known = ToolClass::Ambiguous;
        }
    }
    let mut bytes = 0;
    let sized = classes.into_iter().take_while(|(name, _)| {
        bytes += name.len() + OVERHEAD;
        bytes <= MAX_BYTES
    });
    sized
        .map(|(name, class)| ToolConfig {
            name: name.to_owned(),
            class: class.into(),
        })
        .collect()
}

const MAX_NAME: usize = 1024;
/// Tags and lengths of one tool.
const OVERHEAD: usize = 10;
/// Half of what a resource may have.
const MAX_BYTES: usize = super::MAX_BODY_BYTES / 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_classed_by_their_definitions() {
        let tools = read(
            r#"[{"name":"look","annotations":{"readOnlyHint":true}},
                {"name":"wipe","annotations":{"readOnlyHint":false,"destructiveHint":true}},
                {"title":"nameless"}, 7]"#,
        );
        let tools: Vec<_> = tools
            .iter()
            .map(|tool| (tool.name.as_str(), tool.class()))
            .collect();
        assert_eq!(
            tools,
            [("look", ToolClass::Read), ("wipe", ToolClass::Write)]
        );
    }

    #[test]
    fn a_tool_that_is_there_twice_is_classed_as_neither() {
        let tools = read(
            r#"[{"name":"x","annotations":{"readOnlyHint":true}},
                {"name":"x","annotations":{"readOnlyHint":false,"destructiveHint":true}}]"#,
        );
        assert_eq!(tools.len(), 1);
        assert_eq!(tools[0].class(), ToolClass::Ambiguous);
    }

    #[test]
    fn a_list_never_outgrows_its_resource() {
        assert_eq!(read("not json"), []);
        assert_eq!(read("{}"), []);
        let long = format!(r#"[{{"name":"{}"}},{{"name":"b"}}]"#, "x".repeat(2000));
        assert_eq!(read(&long).len(), 1);
        let many: Vec<_> = (0..2000)
            .map(|at| format!(r#"{{"name":"{at:0>1000}"}}"#))
            .collect();
        let kept = read(&format!("[{}]", many.join(",")));
        let bytes: usize = kept.iter().map(prost::Message::encoded_len).sum();
        assert!(!kept.is_empty() && bytes < MAX_BYTES, "{bytes}");
    }
}
