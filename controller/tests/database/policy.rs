//! Policies: what they may say, what they mean, and what nodes are told of them.

use proto::{
    access::v1::{Grant, Policy, Role, Rule, Subject, ToolOverride},
    admin::v1::{
        self, access_service_client::AccessServiceClient, explain_request::Object,
        server_service_client::ServerServiceClient,
    },
};
use tonic::{Code, Status};

use crate::{
    operator::Operator,
    support::{Stack, told},
};

/// S4-41, S4-44: kept whole, with an etag of its own, and gone when it is taken away.
#[tokio::test]
async fn a_policy_is_replaced_whole_and_only_by_who_has_read_it() {
    let world = World::start().await;
    let none = world.policy().await;
    assert_eq!(
        (none.policy, none.etag.as_str(), none.revision),
        (None, "0", 0)
    );

    let set = world.set(Some(developers()), "0").await.unwrap();
    let stored = world.policy().await;
    assert_eq!(stored.policy, Some(developers()));
    assert_eq!(
        (stored.revision, stored.etag.clone()),
        (set, set.to_string())
    );
    let stale = world.set(None, "0").await.unwrap_err();
    assert_eq!(stale.code(), Code::Aborted);

    let gone = world.set(None, &stored.etag).await.unwrap();
    assert_eq!(gone, set + 1);
    assert_eq!(world.policy().await.policy, None);
    let mut sql = world.stack.postgres.connect("root", "aldgate").await;
    let lines: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT kind, op, resource FROM change_log WHERE kind = 'policy' ORDER BY revision",
    )
    .fetch_all(&mut sql)
    .await
    .unwrap();
    let line = |op: &str| {
        (
            "policy".to_owned(),
            op.to_owned(),
            "tenants/acme/policy".to_owned(),
        )
    };
    assert_eq!(lines, [line("upsert"), line("delete")]);
}

/// S4-41: unknown or contradictory policies are refused, each fault with its field.
#[tokio::test]
async fn every_fault_of_a_policy_is_named() {
    let world = World::start().await;
    let mut policy = developers();
    policy.rules = vec![Rule {
        policy: "maybe".to_owned(),
        ..Rule::default()
    }];
    policy.roles.get_mut("dev").unwrap().grants[0].access = "all".to_owned();
    let (reason, mut fields) = told(&world.set(Some(policy), "").await.unwrap_err());
    fields.sort();
    assert_eq!(reason, "INVALID_FIELD");
    let expected = [
        "policy.policy.roles.dev.grants[0].access",
        "policy.policy.rules",
        "policy.policy.rules[0].policy",
    ];
    assert_eq!(fields, expected);
    assert_eq!(world.policy().await.policy, None);
}

/// S4-42, S4-46, S4-55: the deciding rule by its id, for subjects with roles from everywhere.
#[tokio::test]
async fn explain_names_the_rule_that_decides() {
    let world = World::start().await;
    let nobody = world.explain(tool("files_read"), |_| {}).await;
    assert_eq!(
        nobody,
        [("files_read".to_owned(), false, "no-acl".to_owned())]
    );
    world.set(Some(developers()), "").await.unwrap();
    let ask = async |object, subject: &str, roles: &[&str]| {
        let told = world.explain(object, |request| {
            subject.clone_into(&mut request.subject);
            request.roles = roles.iter().map(ToString::to_string).collect();
        });
        told.await.remove(0)
    };
    for (object, subject, roles, allowed, rule) in [
        (tool("get_file"), "bob", &["dev"][..], true, "dev[0]"),
        (tool("delete_file"), "bob", &["dev"], false, "default"),
        (tool("get_file"), "bob", &[], false, "default"),
        (tool("get_file"), "alice", &[], true, "dev[0]"),
        (
            tool("get_secret"),
            "alice",
            &["dev"],
            false,
            "alice.extra[0]",
        ),
        (
            Object::Resource("file:///a".to_owned()),
            "bob",
            &["dev"],
            true,
            "dev[0]",
        ),
        (
            Object::Method("x/y".to_owned()),
            "bob",
            &["dev"],
            false,
            "default",
        ),
        (
            Object::Method("tools/list".to_owned()),
            "bob",
            &["dev"],
            true,
            "reach",
        ),
        (
            Object::Method("tools/list".to_owned()),
            "bob",
            &[],
            false,
            "default",
        ),
    ] {
        let (name, got, by) = ask(object, subject, roles).await;
        assert_eq!((got, by.as_str()), (allowed, rule), "{subject} {name}");
    }
    let trial = world.explain(tool("delete_file"), |request| {
        request.policy = Some(Policy {
            default: "allow".to_owned(),
            ..Policy::default()
        });
    });
    assert_eq!(trial.await[0].2, "default");
}

/// Rules `key` and `scope`: an API key is the policy's affair only where it names it.
#[tokio::test]
async fn explain_knows_what_a_key_is_good_for() {
    let world = World::start().await;
    world.admin.key("acme", "ci", "files").await.unwrap();
    world.admin.server("acme", "mail", None).await.unwrap();
    let ask = async |server: &str, name: &str| {
        let told = world.explain(tool(name), |request| {
            request.key = "tenants/acme/keys/ci".to_owned();
            request.server = format!("tenants/acme/servers/{server}");
        });
        let (_, allowed, rule) = told.await.remove(0);
        (allowed, rule)
    };
    let says = |allowed: bool, rule: &str| (allowed, rule.to_owned());
    assert_eq!(ask("files", "delete_file").await, says(true, "key"));
    assert_eq!(ask("mail", "get_mail").await, says(false, "key"));
    let mut sql = world.stack.postgres.connect("root", "aldgate").await;
    let scope = "UPDATE api_keys SET scopes = '{files:read}'";
    sqlx::query(scope).execute(&mut sql).await.unwrap();
    assert_eq!(ask("files", "delete_file").await, says(false, "scope"));
    assert_eq!(ask("files", "get_file").await, says(true, "scope"));
    let mut named = developers();
    named
        .subjects
        .insert("keys/ci".to_owned(), Subject::default());
    world.set(Some(named), "").await.unwrap();
    assert_eq!(ask("files", "get_file").await, says(false, "default"));
    let missing = world.try_explain(tool("x"), |request| {
        request.key = "tenants/acme/keys/no".to_owned();
    });
    assert_eq!(missing.await.unwrap_err().code(), Code::NotFound);
}

/// What contradicts itself in a question is refused with the field's name.
#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused() {
    let world = World::start().await;
    let field = async |object, change: &dyn Fn(&mut v1::ExplainRequest)| {
        let status = world.try_explain(object, change).await.unwrap_err();
        told(&status).1.join(" ")
    };
    let call = Object::Method("tools/call".to_owned());
    assert_eq!(field(call, &|_| {}).await, "method");
    let key = |request: &mut v1::ExplainRequest| {
        request.key = "tenants/acme/keys/ci".to_owned();
        request.subject = "alice".to_owned();
    };
    assert_eq!(field(tool("x"), &key).await, "subject");
    let access = |request: &mut v1::ExplainRequest| request.access = "all".to_owned();
    assert_eq!(field(tool("x"), &access).await, "access");
    let elsewhere = |request: &mut v1::ExplainRequest| {
        request.server = "tenants/beta/servers/files".to_owned();
    };
    assert_eq!(field(tool("x"), &elsewhere).await, "parent");
    let trial = |request: &mut v1::ExplainRequest| {
        request.policy = Some(Policy {
            default: "x".to_owned(),
            ..Policy::default()
        });
    };
    assert_eq!(field(tool("x"), &trial).await, "policy.default");
    let nothing = |request: &mut v1::ExplainRequest| request.object = None;
    assert_eq!(field(tool("x"), &nothing).await, "object");
}

/// S4-53, S4-54: overrides, then annotations, then words; the same for a list and for all tools.
#[tokio::test]
async fn tools_are_classed_by_override_annotation_and_words() {
    let world = World::start().await;
    world.tool_list(TOOLS).await;
    let mut policy = developers();
    policy.tool_overrides = vec![ToolOverride {
        write: vec!["peek".to_owned()],
        ..ToolOverride::default()
    }];
    world.set(Some(policy), "").await.unwrap();
    let mut client = AccessServiceClient::new(world.admin.channel.clone());
    let mut classify = async |text: &str| {
        let request = v1::ClassifyToolsRequest {
            server: "tenants/acme/servers/files".to_owned(),
            tool_list_json: text.to_owned(),
        };
        let tools = client.classify_tools(world.admin.call(request)).await?;
        let tools = tools.into_inner().tools.into_iter();
        let said = tools.map(|tool| {
            let found = tool.classification.unwrap();
            format!("{} {} {}", tool.name, found.class, found.source)
        });
        Ok::<_, Status>(said.collect::<Vec<_>>())
    };
    let expected = [
        "peek write override",
        "wipe read annotations",
        "get_file read heuristics",
    ];
    assert_eq!(classify("").await.unwrap(), expected);
    assert_eq!(classify(TOOLS).await.unwrap(), expected);
    let bad = classify(r#"[{"name":"a"},{"title":"b"}]"#)
        .await
        .unwrap_err();
    assert_eq!(told(&bad).1, ["tool_list_json[1]"]);
    assert_eq!(
        told(&classify("{}").await.unwrap_err()).1,
        ["tool_list_json"]
    );

    let all = world.explain(Object::AllTools(true), |request| {
        request.roles = vec!["dev".to_owned()];
    });
    let allowed: Vec<_> = all
        .await
        .into_iter()
        .map(|(name, allowed, _)| (name, allowed))
        .collect();
    let expected = [("peek", false), ("wipe", true), ("get_file", true)];
    assert_eq!(
        allowed,
        expected.map(|(name, allowed)| (name.to_owned(), allowed))
    );
    let as_if = world.explain(tool("wipe"), |request| {
        request.roles = vec!["dev".to_owned()];
        request.access = "*".to_owned();
    });
    assert!(!as_if.await[0].1);
}

/// What is stored and not understood is shown to nobody in part.
#[tokio::test]
async fn a_policy_of_a_newer_program_is_not_half_understood() {
    let world = World::start().await;
    world.set(Some(developers()), "").await.unwrap();
    let mut sql = world.stack.postgres.connect("root", "aldgate").await;
    let newer = r#"UPDATE policies SET body = body || '{"quarantine": true}'"#;
    sqlx::query(newer).execute(&mut sql).await.unwrap();
    let status = world.get().await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
}

const TOOLS: &str = r#"[
    {"name":"peek","annotations":{"readOnlyHint":true}},
    {"name":"wipe","annotations":{"readOnlyHint":true}},
    {"name":"get_file","description":"Reads a file"}
]"#;

fn tool(name: &str) -> Object {
    Object::Tool(name.to_owned())
}

/// `dev` reads everything; `alice` is one of them, but reads no secrets.
fn developers() -> Policy {
    let read = Grant {
        servers: vec!["*".to_owned()],
        access: "read".to_owned(),
        ..Grant::default()
    };
    let secrets = Grant {
        tools: vec!["*secret*".to_owned()],
        deny: true,
        ..read.clone()
    };
    let alice = Subject {
        roles: vec!["dev".to_owned()],
        extra: vec![secrets],
    };
    Policy {
        roles: [("dev".to_owned(), Role { grants: vec![read] })].into(),
        subjects: [("alice".to_owned(), alice)].into(),
        ..Policy::default()
    }
}

/// The tenant `acme` with the server `files`.
struct World {
    stack: Stack,
    admin: Operator,
}

impl World {
    async fn start() -> Self {
        let stack = Stack::start().await;
        let admin = Operator::of(&stack).await;
        admin.tenant("acme", "acme.test:8080").await.unwrap();
        admin.server("acme", "files", None).await.unwrap();
        Self { stack, admin }
    }

    fn access(&self) -> AccessServiceClient<tonic::transport::Channel> {
        AccessServiceClient::new(self.admin.channel.clone())
    }

    async fn get(&self) -> Result<v1::AccessPolicy, Status> {
        let request = v1::GetPolicyRequest {
            name: "tenants/acme/policy".to_owned(),
        };
        let answer = self.access().get_policy(self.admin.call(request)).await?;
        Ok(answer.into_inner().policy.unwrap())
    }

    async fn policy(&self) -> v1::AccessPolicy {
        self.get().await.unwrap()
    }

    async fn set(&self, policy: Option<Policy>, etag: &str) -> Result<u64, Status> {
        let request = v1::SetPolicyRequest {
            policy: Some(v1::AccessPolicy {
                name: "tenants/acme/policy".to_owned(),
                policy,
                etag: etag.to_owned(),
                ..v1::AccessPolicy::default()
            }),
        };
        let answer = self.access().set_policy(self.admin.call(request)).await?;
        Ok(answer.into_inner().revision)
    }

    async fn explain(
        &self,
        object: Object,
        change: impl FnOnce(&mut v1::ExplainRequest),
    ) -> Vec<(String, bool, String)> {
        let decisions = self.try_explain(object, change).await.unwrap().into_iter();
        decisions
            .map(|it| (it.object, it.allowed, it.rule))
            .collect()
    }

    async fn try_explain(
        &self,
        object: Object,
        change: impl FnOnce(&mut v1::ExplainRequest),
    ) -> Result<Vec<v1::Decision>, Status> {
        let mut request = v1::ExplainRequest {
            parent: "tenants/acme".to_owned(),
            server: "tenants/acme/servers/files".to_owned(),
            object: Some(object),
            ..v1::ExplainRequest::default()
        };
        change(&mut request);
        let answer = self.access().explain(self.admin.call(request)).await?;
        Ok(answer.into_inner().decisions)
    }

    async fn tool_list(&self, json: &str) {
        let request = v1::UpdateServerRequest {
            server: Some(v1::Server {
                name: "tenants/acme/servers/files".to_owned(),
                tool_list_json: json.to_owned(),
                ..v1::Server::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["tool_list_json".to_owned()],
            }),
        };
        let mut servers = ServerServiceClient::new(self.admin.channel.clone());
        servers
            .update_server(self.admin.call(request))
            .await
            .unwrap();
    }
}
