//! Static tokens and their headers, up to what nodes are given.

use proto::admin::v1::{self, static_token_service_client::StaticTokenServiceClient};
use token::fixed::{TokenType, verifier};
use tonic::{Code, Status, transport::Channel};

use crate::{
    lease::Given,
    operator::{Operator, bearer},
    support::{Stack, postgres::dump, told},
};

/// S0-7, S0-8, S0-9, S0-11, S0-12, S0-21: made in all three ways, told once, changed, deleted.
#[tokio::test]
async fn a_token_is_made_told_once_changed_and_deleted() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    admin.server("acme", "files", None).await.unwrap();
    let mut tokens = Tokens::of(&admin);
    let pasted = tokens.create("desk", value("CANARY-pasted")).await.unwrap();
    assert_eq!(
        (pasted.header_name.as_str(), pasted.header_value.as_str()),
        ("Authorization", "Bearer CANARY-pasted")
    );
    let token = pasted.static_token.unwrap();
    let days = token.expire_time.unwrap().seconds - token.create_time.unwrap().seconds;
    assert_eq!(days, 15 * 86_400);
    assert_eq!(token.server, "tenants/acme/servers/files");
    assert_eq!(tokens.get("desk").await.unwrap(), token);

    let made = tokens.create("made", generated()).await.unwrap();
    let secret = made
        .header_value
        .strip_prefix("Bearer ")
        .unwrap()
        .to_owned();
    assert_eq!(secret.len(), 43);
    let basic = v1::StaticTokenInput {
        basic: Some(v1::BasicInput {
            user: "alice".to_owned(),
            password: "CANARY-password".to_owned(),
        }),
        ..v1::StaticTokenInput::default()
    };
    let mut request = request("basic", basic);
    request.static_token.as_mut().unwrap().r#type = v1::StaticTokenType::Basic.into();
    let basic = tokens.send(request).await.unwrap();
    assert!(basic.header_value.starts_with("Basic YWxpY2U6"));

    let twice = tokens
        .create("twin", value("CANARY-pasted"))
        .await
        .unwrap_err();
    assert_eq!(
        (twice.code(), told(&twice).1),
        (Code::AlreadyExists, vec!["input".to_owned()])
    );
    let twice = tokens.create("desk", generated()).await.unwrap_err();
    assert_eq!(told(&twice).1, ["static_token_id"]);

    let changed = v1::StaticToken {
        roles: vec!["dev".to_owned()],
        disabled: true,
        ..v1::StaticToken::default()
    };
    let changed = tokens
        .update("desk", changed, &["roles", "disabled"])
        .await
        .unwrap();
    assert_eq!(
        (changed.roles.as_slice(), changed.disabled),
        (&["dev".to_owned()][..], true)
    );
    assert_eq!(changed.expire_time, token.expire_time);

    let text = dump(&stack.postgres.address("root"));
    for secret in ["CANARY", secret.as_str()] {
        assert!(!text.contains(secret) && !stack.log().contains(secret));
    }
    tokens.delete("desk").await.unwrap();
    assert_eq!(tokens.get("desk").await.unwrap_err().code(), Code::NotFound);
}

/// What is stored is what a node computes from the pepper that it is given.
#[tokio::test]
async fn nodes_can_check_a_token_that_the_database_cannot_tell() {
    let mut stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    admin.server("acme", "files", None).await.unwrap();
    let mut tokens = Tokens::of(&admin);
    tokens.create("desk", value("CANARY-pasted")).await.unwrap();
    stack.stop();
    stack.boot().await;
    let given = Given::to_a_node(&stack, |given| !given.secrets.is_empty()).await;
    let pepper = &given.secrets[0].peppers[0];
    let key: [u8; 32] = pepper.key[..].try_into().unwrap();
    let mut root = stack.postgres.connect("root", "aldgate").await;
    let (stored, id): (Vec<u8>, String) =
        sqlx::query_as("SELECT verifier, pepper_id FROM static_tokens")
            .fetch_one(&mut root)
            .await
            .unwrap();
    assert_eq!(id, pepper.id);
    assert_eq!(stored, verifier(&key, TokenType::Bearer, b"CANARY-pasted"));
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_told_by_field() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    admin.server("acme", "files", None).await.unwrap();
    let mut tokens = Tokens::of(&admin);
    let changes: [(Change, &str); 9] = [
        (|request| request.lifespan = 0, "lifespan"),
        (
            |request| request.input = Some(value("short")),
            "input.value",
        ),
        (
            |request| request.static_token_id = "A".to_owned(),
            "static_token_id",
        ),
        (|request| token_of(request).r#type = 0, "static_token.type"),
        (|request| token_of(request).r#type = 9, "static_token.type"),
        (
            |request| token_of(request).server = "tenants/other/servers/files".to_owned(),
            "static_token.server",
        ),
        (
            |request| token_of(request).server = "tenants/acme/servers/none".to_owned(),
            "static_token.server",
        ),
        (
            |request| token_of(request).subject = "keys/ci".to_owned(),
            "static_token.subject",
        ),
        (
            |request| token_of(request).headers = vec![header("X-Team", "")],
            "static_token.headers[0].value",
        ),
    ];
    for (change, field) in changes {
        let mut request = request("desk", generated());
        change(&mut request);
        let refused = tokens.send(request).await.unwrap_err();
        assert_eq!(told(&refused).1, [field]);
    }
    tokens.create("desk", generated()).await.unwrap();
}

/// S0-13 to S0-16, CL-05: from the operator to the node, and nowhere else; kept where no value is
/// given, and gone with the origin.
#[tokio::test]
async fn headers_go_to_nodes_and_stay_with_their_origin() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    let server = admin
        .server("acme", "files", Some(bearer("CANARY-cred")))
        .await
        .unwrap();
    let mut tokens = Tokens::of(&admin);
    let mut request = request("desk", generated());
    let mut off = header("X-Off", "CANARY-off");
    off.passthrough = false;
    token_of(&mut request).headers = vec![header("X-Team", "CANARY-one"), off.clone()];
    let made = tokens.send(request).await.unwrap();
    let token = made.static_token.unwrap();
    assert!(token.headers.iter().all(|header| header.value.is_empty()));
    let moved = admin.get_server(&server.name).await.unwrap();
    assert_eq!(moved.revision, token.revision);

    let carried = |given: &Given| -> Vec<(String, String)> {
        let tokens = given.leases.iter().flat_map(|lease| &lease.token_headers);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        tokens
            .flat_map(|token| &token.headers)
            .map(|header| (header.name.clone(), text(&header.value)))
            .collect()
    };
    let has = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let wanted = has("X-Team", "CANARY-one");
    let given = Given::to_a_node(&stack, |given| carried(given) == wanted).await;
    assert_eq!(given.leases[0].header_value, "Bearer CANARY-cred");
    assert!(!format!("{given:?}").contains("CANARY"));
    let before = given.leases[0].generation;

    // The other one is switched on, neither value is given again.
    let headers = vec![
        v1::CustomHeader {
            passthrough: false,
            ..header("x-team", "")
        },
        header("X-Off", ""),
    ];
    let update = v1::StaticToken {
        headers,
        ..v1::StaticToken::default()
    };
    tokens.update("desk", update, &["headers"]).await.unwrap();
    let wanted = has("X-Off", "CANARY-off");
    let given = Given::to_a_node(&stack, |given| carried(given) == wanted).await;
    assert!(given.leases[0].generation > before);

    admin
        .move_server("http://127.0.0.1:9102/mcp")
        .await
        .unwrap();
    admin.set_credential(bearer("CANARY-again")).await.unwrap();
    assert!(tokens.get("desk").await.unwrap().headers_detached);
    let again = |given: &Given| {
        let lease = given.leases.first();
        lease.is_some_and(|lease| lease.header_value == "Bearer CANARY-again")
    };
    let given = Given::to_a_node(&stack, again).await;
    assert_eq!(carried(&given), []);
    let keep = v1::StaticToken {
        headers: vec![header("X-Off", "")],
        ..v1::StaticToken::default()
    };
    let refused = tokens.update("desk", keep, &["headers"]).await.unwrap_err();
    assert_eq!(told(&refused).1, ["static_token.headers[0].value"]);

    let anew = v1::StaticToken {
        headers: vec![header("X-Off", "CANARY-anew")],
        ..v1::StaticToken::default()
    };
    let anew = tokens.update("desk", anew, &["headers"]).await.unwrap();
    assert!(!anew.headers_detached);
    let wanted = has("X-Off", "CANARY-anew");
    let given = Given::to_a_node(&stack, |given| carried(given) == wanted).await;
    assert_eq!(given.refusals, 0);

    tokens.delete("desk").await.unwrap();
    let given = Given::to_a_node(&stack, |given| carried(given).is_empty()).await;
    assert_eq!(given.leases.len(), 1);
    let text = dump(&stack.postgres.address("root"));
    assert!(!text.contains("CANARY") && !stack.log().contains("CANARY"));
}

/// CL-06: ciphertexts swapped between rows do not open; the other calls go on.
#[tokio::test]
async fn swapped_headers_open_nowhere() {
    let mut stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    admin
        .server("acme", "files", Some(bearer("CANARY-cred")))
        .await
        .unwrap();
    let mut tokens = Tokens::of(&admin);
    for slug in ["one", "two"] {
        let mut request = request(slug, generated());
        token_of(&mut request).headers = vec![header("X-Team", "CANARY-header")];
        tokens.send(request).await.unwrap();
    }
    let both = |given: &Given| {
        let lease = given.leases.first();
        lease.is_some_and(|lease| lease.token_headers.len() == 2)
    };
    Given::to_a_node(&stack, both).await;
    let mut root = stack.postgres.connect("root", "aldgate").await;
    sqlx::query(
        "UPDATE static_tokens t SET headers_sealed = o.headers_sealed
         FROM static_tokens o WHERE o.slug <> t.slug",
    )
    .execute(&mut root)
    .await
    .unwrap();
    stack.stop();
    stack.boot().await;
    let given = Given::to_a_node(&stack, |given| !given.leases.is_empty()).await;
    assert_eq!(given.leases[0].header_value, "Bearer CANARY-cred");
    assert_eq!(given.leases[0].token_headers, []);
}

/// What is done to a request that was right.
type Change = fn(&mut v1::CreateStaticTokenRequest);

/// The calls of the service, in one line each.
struct Tokens<'a> {
    admin: &'a Operator,
    client: StaticTokenServiceClient<Channel>,
}

impl<'a> Tokens<'a> {
    fn of(admin: &'a Operator) -> Self {
        let client = StaticTokenServiceClient::new(admin.channel.clone());
        Self { admin, client }
    }

    async fn create(
        &mut self,
        slug: &str,
        input: v1::StaticTokenInput,
    ) -> Result<v1::CreateStaticTokenResponse, Status> {
        self.send(request(slug, input)).await
    }

    async fn send(
        &mut self,
        request: v1::CreateStaticTokenRequest,
    ) -> Result<v1::CreateStaticTokenResponse, Status> {
        let request = self.admin.call(request);
        Ok(self.client.create_static_token(request).await?.into_inner())
    }

    async fn get(&mut self, slug: &str) -> Result<v1::StaticToken, Status> {
        let name = format!("tenants/acme/staticTokens/{slug}");
        let request = self.admin.call(v1::GetStaticTokenRequest { name });
        let response = self.client.get_static_token(request).await?;
        Ok(response.into_inner().static_token.unwrap())
    }

    async fn update(
        &mut self,
        slug: &str,
        mut token: v1::StaticToken,
        mask: &[&str],
    ) -> Result<v1::StaticToken, Status> {
        token.name = format!("tenants/acme/staticTokens/{slug}");
        let request = self.admin.call(v1::UpdateStaticTokenRequest {
            static_token: Some(token),
            update_mask: Some(prost_types::FieldMask {
                paths: mask.iter().map(ToString::to_string).collect(),
            }),
        });
        let response = self.client.update_static_token(request).await?;
        Ok(response.into_inner().static_token.unwrap())
    }

    async fn delete(&mut self, slug: &str) -> Result<(), Status> {
        let request = self.admin.call(v1::DeleteStaticTokenRequest {
            name: format!("tenants/acme/staticTokens/{slug}"),
            etag: String::new(),
        });
        self.client.delete_static_token(request).await?;
        Ok(())
    }
}

fn request(slug: &str, input: v1::StaticTokenInput) -> v1::CreateStaticTokenRequest {
    v1::CreateStaticTokenRequest {
        parent: "tenants/acme".to_owned(),
        static_token_id: slug.to_owned(),
        static_token: Some(v1::StaticToken {
            server: "tenants/acme/servers/files".to_owned(),
            r#type: v1::StaticTokenType::Bearer.into(),
            ..v1::StaticToken::default()
        }),
        lifespan: v1::KeyLifespan::FifteenDays.into(),
        input: Some(input),
    }
}

fn token_of(request: &mut v1::CreateStaticTokenRequest) -> &mut v1::StaticToken {
    request.static_token.as_mut().unwrap()
}

fn value(value: &str) -> v1::StaticTokenInput {
    v1::StaticTokenInput {
        value: value.to_owned(),
        ..v1::StaticTokenInput::default()
    }
}

fn generated() -> v1::StaticTokenInput {
    v1::StaticTokenInput {
        generate: true,
        ..v1::StaticTokenInput::default()
    }
}

fn header(name: &str, value: &str) -> v1::CustomHeader {
    v1::CustomHeader {
        name: name.to_owned(),
        value: value.to_owned(),
        passthrough: true,
    }
}
