//! What is left of a list, against `serde_json` as the independent reader.

use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use super::*;

/// Sees whatever does not contain `hidden`; its cursors are the server's, backwards.
struct Backwards;

impl Editor for Backwards {
    fn permits(&self, _: List, item: &str) -> bool {
        !item.contains("hidden")
    }

    fn seal(&self, list: List, cursor: &str) -> Option<String> {
        (cursor != "unsealable").then(|| {
            format!(
                "{} {}",
                list.method(),
                cursor.chars().rev().collect::<String>()
            )
        })
    }
}

#[test]
fn hidden_items_go_and_all_else_stays_as_it_was_written() {
    let body = r#"{ "jsonrpc": "2.0", "id": 7, "result": {
        "_meta": {"tools": [{"name": "hidden"}], "cacheScope": "x"}, "tools": [
            {"name": "hidden"}, {"title": "no name"}, {"name": 1}, "text", [],
            {"x-unknown": 1.50, "name": "a", "inputSchema": {"properties": {"nextCursor": {}}}},
            {"name": "hi\u0064den"}, {"name": "b\"]}"}, {"name": "also hidden"}],
        "ttlMs": 60000, "cacheScope": "public", "nextCursor": "abc", "resultType": "complete" } }"#;
    assert_eq!(
        rewritten(body, Some(List::Tools)).unwrap(),
        r#"{"jsonrpc":"2.0","id":7,"result":{"_meta":{"tools":[{"name":"hidden"}],"cacheScope":"x"},"tools":[{"x-unknown":1.50,"name":"a","inputSchema":{"properties":{"nextCursor":{}}}},{"name":"b\"]}"}],"ttlMs":60000,"cacheScope":"private","nextCursor":"tools/list cba","resultType":"complete"}}"#
    );
}

#[test]
fn each_list_is_decided_by_its_own_member() {
    for (list, member, subject) in [
        (List::Tools, "tools", "name"),
        (List::Resources, "resources", "uri"),
        (List::Templates, "resourceTemplates", "uriTemplate"),
        (List::Prompts, "prompts", "name"),
    ] {
        let items = json!([{subject: "hidden"}, {"title": "hidden", subject: "seen"}]);
        let items = items.as_array().unwrap();
        let body = reply(&json!({member: items, "nextCursor": "x"}));
        let seen: Value = serde_json::from_str(&rewritten(&body, Some(list)).unwrap()).unwrap();
        assert_eq!(seen["result"][member], json!([items[1]]));
        // What a resumed stream brings is known by its members.
        assert_eq!(rewritten(&body, None), rewritten(&body, Some(list)));
        // A list in the answer to another list's request is cut down, too.
        let other = List::ALL[(list as usize + 1) % 4];
        let seen: Value = serde_json::from_str(&rewritten(&body, Some(other)).unwrap()).unwrap();
        assert_eq!(seen["result"][member], json!([items[1]]));
        assert_eq!(List::of(list.method()), Some(list));
    }
    assert_eq!(List::of("tools/call"), None);
}

#[test]
fn what_is_no_list_passes_or_is_refused() {
    let error = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"no"}}"#;
    let call = reply(&json!({"content": [], "structuredContent": {"tools": [{"name": "hidden"}]}}));
    for same in [
        error,
        &call,
        &reply(&json!({"tools": "text"})),
        &reply(&json!(1)),
    ] {
        assert_eq!(rewritten(same, None).unwrap(), *same);
    }
    assert_eq!(rewritten(error, Some(List::Tools)).unwrap(), error);
    for cursor in [json!(null), json!("")] {
        let last = reply(&json!({"nextCursor": cursor, "tools": []}));
        assert_eq!(rewritten(&last, Some(List::Tools)).unwrap(), last);
    }
    for refused in [
        json!({"tools": "text"}),
        json!({"tools": {}}),
        json!([]),
        json!({"tools": [], "nextCursor": 1}),
    ] {
        let outcome = rewritten(&reply(&refused), Some(List::Tools));
        assert_eq!(outcome, Err(Unlisted::Malformed), "{refused}");
    }
    let outcome = rewritten(
        &reply(&json!({"tools": [], "nextCursor": "unsealable"})),
        None,
    );
    assert_eq!(outcome, Err(Unlisted::Unsealed));
}

#[test]
fn events_are_cut_down_where_they_are_answers() {
    let list = reply(&json!({"tools": [{"name": "hidden"}, {"name": "a"}]}));
    let asked =
        r#"{"jsonrpc":"2.0","id":1,"method":"roots/list","params":{"tools":[{"name":"hidden"}]}}"#;
    let event = |data: &str| rewrite_event(data.as_bytes(), None, &Backwards);
    let passed = |data: &str| event(data).unwrap().map(|data| data.to_vec());
    let same = |text: &str| Some(text.as_bytes().to_vec());
    assert_eq!(passed(&list), same(&rewritten(&list, None).unwrap()));
    assert_eq!(passed(asked), same(asked));
    let news = |params: Value| {
        let method = "notifications/resources/updated";
        json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string()
    };
    let seen = news(json!({"uri": "a:b"}));
    assert_eq!(passed(&seen), same(&seen));
    for kept in [json!({"uri": "a:hidden"}), json!({"uri": 1}), json!({})] {
        assert_eq!(passed(&news(kept)), None);
    }
    for odd in [
        "text",
        "[]",
        "{}",
        &format!("[{list}]"),
        &list.replace("\"id\":7", "\"method\":\"a\""),
    ] {
        assert_eq!(event(odd), Err(Unlisted::Malformed), "{odd}");
    }
}

/// Any JSON, with keys that matter more often than by chance.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "hidden|a|[\\PC\"\\\\]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((key(), inner), 0..6).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    "name|uri|tools|resources|prompts|nextCursor|cacheScope|[\\PC\"\\\\]{0,4}"
}

fn item() -> impl Strategy<Value = Value> {
    let named = (value(), "hidden|a|[\\PC\"\\\\]{1,6}").prop_map(|(mut item, name)| {
        if let Value::Object(item) = &mut item {
            item.insert("name".to_owned(), name.into());
        }
        item
    });
    prop_oneof![named, value()]
}

proptest! {
    #[test]
    fn the_items_are_exactly_the_permitted_ones_in_order(
        items in vec(item(), 0..8),
        rest in vec((key(), value()), 0..5),
        pretty in any::<bool>(),
    ) {
        let mut result: serde_json::Map<_, _> = rest.into_iter().collect();
        result.insert("tools".to_owned(), items.into());
        let before = json!({"jsonrpc": "2.0", "id": 7, "result": result});
        let body = if pretty { serde_json::to_string_pretty(&before) } else { serde_json::to_string(&before) };
        let Ok(after) = rewritten(&body.unwrap(), Some(List::Tools)) else {
            // Only a cursor that is no string is refused here.
            let cursor = &before["result"]["nextCursor"];
            prop_assert!(!cursor.is_null() && !cursor.is_string());
            return Ok(());
        };
        let canonical = Reply::read(after.as_bytes()).unwrap();
        prop_assert_eq!(canonical.bytes(), after.as_bytes());
        prop_assert_eq!(serde_json::from_str::<Value>(&after).unwrap(), expected(before));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}", list in 0..5_usize) {
        if let Ok(reply) = Reply::read(text.as_bytes()) {
            let _ = rewrite(&reply, List::ALL.get(list).copied(), &Backwards);
        }
    }
}

/// The same by way of a tree.
fn expected(mut reply: Value) -> Value {
    let result = reply["result"].as_object_mut().unwrap();
    for (member, subject) in [("tools", "name"), ("resources", "uri"), ("prompts", "name")] {
        if let Some(Value::Array(items)) = result.get_mut(member) {
            items.retain(|item| {
                let name = item.get(subject).and_then(Value::as_str);
                name.is_some_and(|name| !name.contains("hidden"))
            });
        }
    }
    if let Some(scope) = result.get_mut("cacheScope") {
        *scope = "private".into();
    }
    if let Some(Value::String(cursor)) = result.get_mut("nextCursor")
        && !cursor.is_empty()
    {
        *cursor = Backwards.seal(List::Tools, cursor).unwrap();
    }
    reply
}

fn reply(result: &Value) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"result":{result}}}"#)
}

fn rewritten(body: &str, expected: Option<List>) -> Result<String, Unlisted> {
    let reply = Reply::read_within(body.as_bytes(), &LIMITS).unwrap();
    let bytes = rewrite(&reply, expected, &Backwards)?;
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}
