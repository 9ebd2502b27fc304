//! What lists show: exactly what may be called, to each caller their own, on every page.

use policy::Class;
use proto::access::v1;
use runtime::shutdown::Tasks;
use serde_json::{Value, json};

use crate::{
    client::{Post, Reply},
    rules::{Rules, grant},
    upstream::{Call, Upstream},
    world::{HOST_A, World},
};

/// Tools of every class, by definition and by name.
const TOOLS: [&str; 8] = [
    "get_report",
    "list_users",
    "pay",
    "delete_file",
    "frobnicate",
    "read_by_definition",
    "write_by_definition",
    "overridden_get",
];

/// Lists and calls never disagree (design.md §9), whatever restricts the caller.
#[tokio::test]
async fn a_list_shows_exactly_what_may_be_called() {
    let world = World::new().await;
    for rules in restrictions(&world) {
        rules.publish(&world);
        let shown = names(&list(&world, &world.adam, &tools(&TOOLS)).await);
        assert!(shown.len() < TOOLS.len(), "{shown:?}");
        for tool in TOOLS {
            let request = call(&world, tool);
            if shown.iter().any(|shown| shown == tool) {
                let (reply, call) = tokio::join!(world.ask(&request), world.one.answer());
                assert_eq!((reply.status, reply.code()), (200, None), "{tool}");
                assert!(call.body.contains(tool));
            } else {
                let reply = world.ask(&request).await;
                let denied = matches!((reply.status, reply.code()), (200, Some(-31003)) | (403, _));
                assert!(denied, "{tool}: {}", reply.body);
                assert!(world.one.is_untouched(), "{tool}");
            }
        }
        assert_eq!(
            names(&list(&world, &world.alice, &tools(&TOOLS)).await),
            TOOLS
        );
    }
    world.still_serves().await;
}

fn restrictions(world: &World) -> Vec<Rules> {
    let only = |patterns: &[&str]| v1::Grant {
        tools: patterns.iter().map(|&pattern| pattern.into()).collect(),
        ..grant("*")
    };
    let deny = v1::Grant {
        deny: true,
        ..only(&["pay", "delete*"])
    };
    let mut overriding = Rules::granting(world, [grant("read")]);
    let policy = overriding.policy.as_mut().unwrap();
    policy.tool_overrides.push(v1::ToolOverride {
        write: vec!["overridden_*".into()],
        ..v1::ToolOverride::default()
    });
    let mut strict = Rules::granting(world, [grant("*")]);
    strict.policy.as_mut().unwrap().strict_classification = true;
    let all = [
        Rules::granting(world, [grant("read")]),
        Rules::granting(world, [grant("write")]),
        Rules::granting(world, [grant("*"), deny]),
        Rules::granting(world, [only(&["*_file", "pay"])]),
        Rules::scoped(world, &["s1:read"]),
        Rules::scoped(world, &["s1:write", "s2:read"]),
        overriding,
        strict,
    ];
    let defined = |rules: Rules| {
        rules
            .with_tool("read_by_definition", Class::Read)
            .with_tool("write_by_definition", Class::Write)
    };
    all.into_iter().map(defined).collect()
}

/// What a definition says of itself in a reply is no reason to show it.
#[tokio::test]
async fn annotations_in_flight_count_for_nothing() {
    let world = World::new().await;
    Rules::granting(&world, [grant("read")]).publish(&world);
    let items = json!([
        {"name": "pay", "annotations": {"readOnlyHint": true}},
        {"name": "get_report", "annotations": {"readOnlyHint": false, "destructiveHint": true}},
    ]);
    let result = json!({"tools": items});
    assert_eq!(
        names(&list(&world, &world.adam, &result).await),
        ["get_report"]
    );
}

/// Resources, their templates and prompts are decided by their own names, in lists and in calls.
#[tokio::test]
async fn resources_and_prompts_are_cut_down_too() {
    let world = World::new().await;
    let grant = v1::Grant {
        resources: vec!["file:///docs/*".into()],
        prompts: vec!["summary".into()],
        ..grant("read")
    };
    Rules::granting(&world, [grant]).publish(&world);
    for (method, result, seen, hidden) in [
        (
            "resources/list",
            json!({"resources": [{"uri": "file:///etc/x", "name": "docs"}, {"uri": "file:///docs/a", "name": "x"}]}),
            "file:///docs/a",
            "file:///etc/x",
        ),
        (
            "resources/templates/list",
            json!({"resourceTemplates": [{"uriTemplate": "file:///{x}"}, {"uriTemplate": "file:///docs/{x}"}]}),
            "file:///docs/{x}",
            "file:///{x}",
        ),
        (
            "prompts/list",
            json!({"prompts": [{"name": "pay"}, {"name": "summary"}]}),
            "summary",
            "pay",
        ),
    ] {
        let reply = list_of(&world, &world.adam, method, "", &result).await;
        assert!(
            reply.body.contains(seen) && !reply.body.contains(hidden),
            "{}",
            reply.body
        );
        let reply = list_of(&world, &world.alice, method, "", &result).await;
        assert!(reply.body.contains(hidden), "{}", reply.body);
    }
    let read = |uri: &str| {
        let params = format!(r#""uri":"{uri}","#);
        Post::modern(HOST_A, "s1", &world.adam, "resources/read", &params).with("Mcp-Name", uri)
    };
    let request = read("file:///docs/a");
    let (reply, _call) = tokio::join!(world.ask(&request), world.one.answer());
    assert_eq!(reply.code(), None);
    let reply = world.ask(&read("file:///etc/x")).await;
    assert_eq!(
        reply.body,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-31003,"message":"Access denied","data":{"resource":"file:///etc/x","subject":"keys/adam"}}}"#
    );
    assert!(world.one.is_untouched());
}

/// TI-06
#[tokio::test]
async fn no_caller_ever_sees_another_s_list() {
    let world = World::new().await;
    let busy = Upstream::listen().await;
    let mut rules = Rules::granting(&world, [grant("read")]);
    rules.s1 = crate::world::server(11, "s1", &busy, None);
    rules.publish(&world);
    let tasks = Tasks::new();
    let connections = tasks.clone();
    tasks.spawn("server", async move {
        loop {
            let call = busy.call().await;
            connections.spawn("connection", keep_listing(call));
        }
    });
    let (alice, adam) = (
        request(&world.alice, "tools/list", ""),
        request(&world.adam, "tools/list", ""),
    );
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(world.connect().await);
    }
    for _ in 0..50 {
        for client in &mut clients {
            client.send(alice.bytes()).await;
        }
        for client in &mut clients {
            assert_eq!(names(&client.reply().await.unwrap()), TOOLS);
            client.send(adam.bytes()).await;
        }
        for client in &mut clients {
            let reply = client.reply().await.unwrap();
            assert!(
                reply.body.contains("get_report") && !reply.body.contains("pay"),
                "{}",
                reply.body
            );
        }
    }
}

async fn keep_listing(mut call: Call) {
    loop {
        call.json(200, &result(&tools(&TOOLS))).await;
        if !call.next().await {
            return;
        }
    }
}

/// TI-07, also for callers from whom nothing is kept: a shared cache cannot tell them apart.
#[tokio::test]
async fn every_page_is_private() {
    let world = World::new().await;
    Rules::granting(&world, [grant("read")]).publish(&world);
    let page = json!({"tools": [{"name": "get_report"}, {"name": "pay"}], "cacheScope": "public", "ttlMs": 60000, "nextCursor": "p2"});
    for key in [&world.alice, &world.adam] {
        let first = list(&world, key, &page).await;
        let cursor = format!(r#""cursor":"{}","#, cursor(&first));
        let second = list_of(&world, key, "tools/list", &cursor, &page).await;
        for reply in [first, second] {
            assert_eq!(body(&reply)["result"]["cacheScope"], "private");
            assert_eq!(body(&reply)["result"]["ttlMs"], 60000);
        }
    }
}

/// TI-08
#[tokio::test]
async fn a_cursor_is_good_for_one_caller_list_and_policy() {
    let world = World::new().await;
    Rules::granting(&world, [grant("*")]).publish(&world);
    let page = json!({"tools": [], "nextCursor": "upstream \"2\""});
    let first = list(&world, &world.alice, &page).await;
    let sealed = cursor(&first);
    assert!(sealed.starts_with("c1.1d20000."), "{sealed}");

    let more = |key: &str, server: &str, method: &str, cursor: &str| {
        let params = format!(r#""cursor":{},"#, json!(cursor));
        Post::modern(HOST_A, server, key, method, &params)
    };
    let good = more(&world.alice, "s1", "tools/list", &sealed);
    let (reply, call) = tokio::join!(world.ask(&good), answer(&world.one, &page));
    assert_eq!(reply.code(), None, "{}", reply.body);
    let sent: Value = serde_json::from_str(&call.body).unwrap();
    assert_eq!(sent["params"]["cursor"], "upstream \"2\"");

    let last = if sealed.ends_with('A') { "B" } else { "A" };
    let flipped = format!("{}{last}", &sealed[..sealed.len() - 1]);
    let middle = sealed.len() / 2;
    let swapped = if sealed.as_bytes()[middle] == b'A' {
        "B"
    } else {
        "A"
    };
    let changed = format!("{}{swapped}{}", &sealed[..middle], &sealed[middle + 1..]);
    let as_session = sealed.replacen("c1.", "s1.", 1);
    for bad in [
        more(&world.adam, "s1", "tools/list", &sealed),
        more(&world.alice, "s2", "tools/list", &sealed),
        more(&world.alice, "s1", "prompts/list", &sealed),
        more(&world.alice, "s1", "tools/list", &flipped),
        more(&world.alice, "s1", "tools/list", &changed),
        more(&world.alice, "s1", "tools/list", &as_session),
        more(&world.alice, "s1", "tools/list", "upstream \"2\""),
        Post::modern(HOST_A, "s1", &world.alice, "tools/list", r#""cursor":7,"#),
    ] {
        let reply = world.ask(&bad).await;
        assert_eq!(
            (reply.status, reply.code()),
            (400, Some(-32602)),
            "{}",
            bad.body
        );
    }
    // Legacy clients read JSON-RPC errors from a success.
    let body = r#"{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{"cursor":"x"}}"#;
    let reply = world
        .ask(&Post::plain(HOST_A, "s1", &world.alice, body))
        .await;
    assert_eq!((reply.status, reply.code()), (200, Some(-32602)));

    let mut changed = Rules::granting(&world, [grant("read")]);
    changed.revision = 3;
    changed.publish(&world);
    let reply = world.ask(&good).await;
    assert_eq!(
        (reply.status, reply.code()),
        (400, Some(-32602)),
        "of the old policy"
    );
    assert!(world.one.is_untouched() && world.two.is_untouched());

    Rules::granting(&world, [grant("*")]).publish(&world);
    world.hand.advance(std::time::Duration::from_hours(24));
    let reply = world.ask(&good).await;
    assert_eq!(reply.code(), Some(-32602), "expired");
}

/// S4-51: a list that comes as events is cut down on the way, and the rest of the stream passes.
#[tokio::test]
async fn lists_in_event_streams_are_cut_down_on_the_way() {
    let world = World::new().await;
    Rules::granting(&world, [grant("read")]).publish(&world);
    let mut client = world.connect().await;
    client
        .send(request(&world.adam, "tools/list", "").bytes())
        .await;
    let mut call = world.one.call().await;
    call.stream("").await;
    assert_eq!(client.head().await.unwrap().0, 200);
    let progress = "event: message\nid: 1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{}}\n\n";
    call.chunk(progress).await;
    assert_eq!(
        client.chunk().await.unwrap().as_deref(),
        Some(&progress["event: message\n".len()..])
    );
    let list = result(&tools(&["pay", "get_report"])).replacen(',', ",\ndata: ", 1);
    let (one, two) = list.split_at(40);
    call.chunk(&format!("id: 2\ndata: {one}")).await;
    call.chunk(&format!("{two}\n\n")).await;
    assert_eq!(
        client.chunk().await.unwrap().as_deref(),
        Some(
            "id: 2\ndata: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[{\"name\":\"get_report\"}]}}\n\n"
        )
    );
    call.chunk("").await;
    assert!(client.chunk().await.unwrap().is_none());
}

/// A resumed stream brings the answer to a list that was asked for before.
#[tokio::test]
async fn lists_in_resumed_streams_are_cut_down_too() {
    let world = World::new().await;
    Rules::granting(&world, [grant("read")]).publish(&world);
    for json in [false, true] {
        let mut client = world.connect().await;
        let listen = Post::bare("GET", HOST_A, "s1", &world.adam).with("Last-Event-ID", "1");
        client.send(listen.bytes()).await;
        let mut call = world.one.call().await;
        let list = result(&tools(&["pay", "get_report"]));
        let seen = if json {
            call.json(200, &list).await;
            client.reply().await.unwrap().body
        } else {
            call.stream("").await;
            assert_eq!(client.head().await.unwrap().0, 200);
            call.chunk(&format!("data: {list}\n\n")).await;
            client.chunk().await.unwrap().unwrap()
        };
        assert!(
            seen.contains("get_report") && !seen.contains("pay"),
            "{seen}"
        );
    }
}

/// News of a resource is for those who may read it.
#[tokio::test]
async fn news_of_hidden_resources_is_kept_back() {
    let world = World::new().await;
    let grant = v1::Grant {
        resources: vec!["file:///docs/*".into()],
        ..grant("read")
    };
    Rules::granting(&world, [grant]).publish(&world);
    let news = |uri: &str| {
        format!(
            "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/updated\",\"params\":{{\"uri\":\"{uri}\"}}}}\n\n"
        )
    };
    for request in [
        Post::bare("GET", HOST_A, "s1", &world.adam),
        request(
            &world.adam,
            "subscriptions/listen",
            r#""notifications":{},"#,
        ),
    ] {
        let mut client = world.connect().await;
        client.send(request.bytes()).await;
        let mut call = world.one.call().await;
        call.stream("").await;
        assert_eq!(client.head().await.unwrap().0, 200);
        call.chunk(&news("file:///etc/x")).await;
        call.chunk(&news("file:///docs/a")).await;
        let seen = client.chunk().await.unwrap();
        assert_eq!(seen.as_deref(), Some(&*news("file:///docs/a")));
    }
}

/// A list that cannot be read is none: nothing of it passes.
#[tokio::test]
async fn what_is_no_list_never_passes_for_one() {
    let world = World::new().await;
    Rules::granting(&world, [grant("read")]).publish(&world);
    let good = list(&world, &world.adam, &tools(&["pay", "get_report"])).await;
    assert_eq!(names(&good), ["get_report"]);
    for bad in [
        r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[],"tools":[{"name":"pay"}]}}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":{"tools":{"name":"pay"}}}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":[{"name":"pay"}]}"#,
        r#"[{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"pay"}]}}]"#,
    ] {
        let request = request(&world.adam, "tools/list", "");
        let serving = async { world.one.call().await.json(200, bad).await };
        let (reply, ()) = tokio::join!(world.ask(&request), serving);
        assert_eq!(reply.status, 502, "{bad}");
        assert!(!reply.body.contains("pay"));
    }
    // Neither does a list that comes as the body of an error.
    let request = request(&world.adam, "tools/list", "");
    let list = result(&tools(&["pay", "get_report"]));
    let serving = async { world.one.call().await.json(400, &list).await };
    let (reply, ()) = tokio::join!(world.ask(&request), serving);
    assert!(!reply.body.contains("pay"), "{}", reply.body);
}

fn tools(names: &[&str]) -> Value {
    let tools = names.iter().map(|name| json!({ "name": name }));
    json!({ "tools": tools.collect::<Vec<_>>() })
}

fn result(result: &Value) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"result":{result}}}"#)
}

fn request(key: &str, method: &str, params: &str) -> Post {
    Post::modern(HOST_A, "s1", key, method, params)
}

fn call(world: &World, tool: &str) -> Post {
    let params = format!(r#""name":"{tool}","arguments":{{}},"#);
    request(&world.adam, "tools/call", &params).with("Mcp-Name", tool)
}

async fn list(world: &World, key: &str, result: &Value) -> Reply {
    list_of(world, key, "tools/list", "", result).await
}

async fn list_of(world: &World, key: &str, method: &str, params: &str, result: &Value) -> Reply {
    let request = request(key, method, params);
    let (reply, _call) = tokio::join!(world.ask(&request), answer(&world.one, result));
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply
}

async fn answer(upstream: &Upstream, answer: &Value) -> Call {
    let mut call = upstream.call().await;
    call.json(200, &result(answer)).await;
    call
}

fn body(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).unwrap()
}

fn names(reply: &Reply) -> Vec<String> {
    let body = body(reply);
    let tools = body["result"]["tools"].as_array().unwrap().iter();
    let name = |tool: &Value| tool["name"].as_str().unwrap().to_owned();
    tools.map(name).collect()
}

fn cursor(reply: &Reply) -> String {
    body(reply)["result"]["nextCursor"]
        .as_str()
        .unwrap()
        .to_owned()
}
