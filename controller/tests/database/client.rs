//! Clients that operators register, and how clients prove who they are.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use proto::{
    access::v1::{OauthSettings, RoleScope},
    admin::v1::{
        self, client_service_client::ClientServiceClient, oauth_service_client::OauthServiceClient,
    },
};
use serde_json::{Value, json};
use tonic::{Status, transport::Channel};

use crate::{
    operator::Operator,
    support::{
        Stack,
        gateway::{self, Answer},
        postgres::dump,
        told,
    },
};

/// A tenant and its authorization server, as a gateway reaches it.
pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) admin: Operator,
}

/// S4-33: registered, shown, changed, given another secret, removed; each is recorded, and the secret
/// is nowhere but in the answer.
#[tokio::test]
async fn an_operator_keeps_clients() {
    let world = World::start().await;
    let made = world.create(
        "ci",
        v1::Client {
            grant_types: vec!["client_credentials".to_owned()],
            roles: vec!["deployer".to_owned()],
            ..v1::Client::default()
        },
    );
    let made = made.await.unwrap();
    let (client, secret) = (made.client.unwrap(), made.client_secret);
    assert_eq!(client.name, "tenants/acme/clients/ci");
    assert_eq!(client.token_endpoint_auth_method, "client_secret_basic");
    assert!(
        client
            .client_id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    );
    assert!(secret.starts_with("aldcs") && secret.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let tables = dump(&world.stack.postgres.address("root"));
    assert!(!tables.contains(&secret) && !world.stack.log().contains(&secret));

    let mut change = client.clone();
    change.display_name = "CI".to_owned();
    change.roles.clear();
    let changed = world
        .update(change, &["display_name", "roles"])
        .await
        .unwrap();
    assert_eq!(
        (changed.display_name.as_str(), changed.roles.len()),
        ("CI", 0)
    );
    assert_ne!(changed.etag, client.etag);
    assert_eq!(world.revocations().await, 1);
    let stale = world.update(client.clone(), &["display_name"]).await;
    assert_eq!(told(&stale.unwrap_err()).0, "ETAG_MISMATCH");

    assert_eq!(
        world
            .introspect(&basic(&client.client_id, &secret), "")
            .await
            .status,
        200
    );
    let rotated = world.rotate("ci").await.unwrap();
    assert_ne!(rotated.client_secret, secret);
    assert_eq!(
        world
            .introspect(&basic(&client.client_id, &secret), "")
            .await
            .status,
        401
    );
    let line = basic(&client.client_id, &rotated.client_secret);
    assert_eq!(world.introspect(&line, "").await.status, 200);

    let listed = world.list().await;
    assert_eq!(listed.len(), 1);
    let deleted = world.delete("ci").await.unwrap();
    assert!(deleted.revocation > 0);
    assert_eq!(world.introspect(&line, "").await.status, 401);
    assert!(world.list().await.is_empty());
}

/// S4-33.
#[tokio::test]
async fn each_field_of_a_client_that_is_at_fault_is_named() {
    let world = World::start().await;
    let redirects = |uris: &[&str]| v1::Client {
        redirect_uris: uris.iter().map(|&uri| uri.to_owned()).collect(),
        ..v1::Client::default()
    };
    let good = redirects(&[
        "https://app.test/cb",
        "http://localhost/cb",
        "https://localhost/cb",
    ]);
    assert!(world.create("good", good.clone()).await.is_ok());
    for (client, field) in [
        (redirects(&[]), "client.redirect_uris"),
        (
            redirects(&["http://app.test/cb"]),
            "client.redirect_uris[0]",
        ),
        (
            redirects(&["https://app.test/cb", "javascript:x"]),
            "client.redirect_uris[1]",
        ),
        (
            v1::Client {
                grant_types: vec!["password".into()],
                ..good.clone()
            },
            "client.grant_types[0]",
        ),
        (
            v1::Client {
                token_endpoint_auth_method: "x".into(),
                ..good.clone()
            },
            "client.token_endpoint_auth_method",
        ),
        (
            v1::Client {
                token_endpoint_auth_method: "private_key_jwt".into(),
                ..good.clone()
            },
            "client.jwks",
        ),
        (
            v1::Client {
                jwks_uri: "https://app.test/jwks".into(),
                ..good.clone()
            },
            "client.jwks",
        ),
        (
            v1::Client {
                token_endpoint_auth_method: "none".into(),
                grant_types: vec!["client_credentials".into()],
                ..good.clone()
            },
            "client.token_endpoint_auth_method",
        ),
        (
            v1::Client {
                trust: v1::ClientTrust::Trusted.into(),
                ..good.clone()
            },
            "client.trust",
        ),
        (
            v1::Client {
                roles: vec![String::new()],
                ..good.clone()
            },
            "client.roles[0]",
        ),
    ] {
        let refused = world.create("bad", client).await.unwrap_err();
        assert_eq!(told(&refused).1, [field]);
    }
    let own = world.create("aldgate-cli", good.clone()).await.unwrap_err();
    assert_eq!(told(&own).1, ["client_id"]);
    assert!(world.create("good", good).await.is_err());
}

/// TOK-4, TOK-7, TOK-8, A20, A28.
#[tokio::test]
async fn a_client_proves_who_it_is_in_the_way_it_is_registered_with() {
    let world = World::start().await;
    let make = async |slug: &str, method: &str| {
        let client = v1::Client {
            redirect_uris: vec!["https://app.test/cb".to_owned()],
            token_endpoint_auth_method: method.to_owned(),
            ..v1::Client::default()
        };
        let made = world.create(slug, client).await.unwrap();
        (made.client.unwrap().client_id, made.client_secret)
    };
    let (id, secret) = make("either", "").await;
    let post = |id: &str, secret: &str| format!("&client_id={id}&client_secret={secret}");
    assert_eq!(world.introspect(&basic(&id, &secret), "").await.status, 200);
    assert_eq!(world.introspect("", &post(&id, &secret)).await.status, 200);
    let encoded = basic(&id.replace('-', "%2D"), &secret.replace('a', "%61"));
    assert_eq!(world.introspect(&encoded, "").await.status, 200);
    let wrong = world.introspect(&basic(&id, "wrong"), "").await;
    assert_eq!(
        (wrong.status, &wrong.body["error"]),
        (401, &json!("invalid_client"))
    );
    assert_eq!(
        wrong.header("www-authenticate"),
        Some(r#"Basic realm="aldgate""#)
    );
    assert_eq!(wrong.header("cache-control"), Some("no-store"));
    let unknown = world.introspect("", &post("client-none", &secret)).await;
    assert_eq!(
        (unknown.status, unknown.header("www-authenticate")),
        (401, None)
    );
    assert_eq!(
        unknown.body,
        world.introspect("", &post(&id, "wrong")).await.body
    );
    let both = world
        .introspect(&basic(&id, &secret), &post(&id, &secret))
        .await;
    assert_eq!(
        (both.status, &both.body["error"]),
        (400, &json!("invalid_request"))
    );
    assert_eq!(world.revoke(&format!("&client_id={id}")).await.status, 401);

    let (id, secret) = make("posts", "client_secret_post").await;
    assert_eq!(world.introspect("", &post(&id, &secret)).await.status, 200);
    assert_eq!(world.introspect(&basic(&id, &secret), "").await.status, 401);
    let (id, secret) = make("public", "none").await;
    assert_eq!(secret, "");
    assert_eq!(world.revoke(&format!("&client_id={id}")).await.status, 200);
    assert_eq!(world.revoke(&post(&id, "x")).await.status, 401);

    let blocked = v1::Client {
        name: "tenants/acme/clients/public".to_owned(),
        trust: v1::ClientTrust::Blocked.into(),
        ..v1::Client::default()
    };
    world.update(blocked, &["trust"]).await.unwrap();
    assert_eq!(world.revoke(&format!("&client_id={id}")).await.status, 401);
    assert_eq!(world.revocations().await, 1);
}

/// A28: an assertion is good once, for us, from the client alone, and not for long.
#[tokio::test]
async fn an_assertion_proves_who_a_client_is_once() {
    let world = World::start().await;
    let (key, other) = (Key::generate(), Key::generate());
    let client = v1::Client {
        redirect_uris: vec!["https://app.test/cb".to_owned()],
        token_endpoint_auth_method: "private_key_jwt".to_owned(),
        jwks: key.set().to_string(),
        ..v1::Client::default()
    };
    let made = world.create("signs", client).await.unwrap();
    assert_eq!(made.client_secret, "");
    let id = made.client.unwrap().client_id;
    let send = async |assertion: &str| {
        let form = format!("&client_id={id}{}", asserted(assertion));
        world.introspect("", &form).await.status
    };
    let claims =
        |jti: &str| json!({"iss": id, "sub": id, "aud": ISSUER, "exp": now() + 300, "jti": jti});
    let good = key.sign(&json!({}), &claims("1"));
    assert_eq!(send(&good).await, 200);
    assert_eq!(send(&good).await, 401, "a second time");
    for (at, aud) in [
        json!(format!("{ISSUER}/token")),
        json!(format!("{ISSUER}/")),
        json!([ISSUER, "https://other.test"]),
    ]
    .into_iter()
    .enumerate()
    {
        let mut other_name = claims(&format!("aud-{at}"));
        other_name["aud"] = aud.clone();
        assert_eq!(send(&key.sign(&json!({}), &other_name)).await, 200, "{aud}");
    }
    // It may be the only thing that says who it is.
    let alone = asserted(&key.sign(&json!({}), &claims("alone")));
    assert_eq!(world.introspect("", &alone).await.status, 200);
    for (at, (member, value)) in [
        ("iss", json!("client-other")),
        ("sub", json!("client-other")),
        ("aud", json!("http://b.test:8080")),
        ("aud", json!("http://b.test:8080/token")),
        ("exp", json!(now() - 120)),
        ("exp", json!(now() + 365 * 86400)),
        ("exp", json!(now() + 1200)),
        ("exp", json!(null)),
        ("jti", json!(null)),
        ("jti", json!("")),
        ("nbf", json!(now() + 600)),
    ]
    .into_iter()
    .enumerate()
    {
        let mut bad = claims(&format!("bad-{at}"));
        bad[member] = value.clone();
        assert_eq!(
            send(&key.sign(&json!({}), &bad)).await,
            401,
            "{member}: {value}"
        );
    }
    assert_eq!(
        send(&other.sign(&json!({}), &claims("2"))).await,
        401,
        "another key"
    );
    let unsigned = key.sign(&json!({"alg": "none"}), &claims("3"));
    assert_eq!(send(&unsigned).await, 401);
    assert_eq!(
        send(&key.sign(&json!({"alg": "HS256"}), &claims("4"))).await,
        401
    );
    assert_eq!(send("x").await, 401);
    // No downgrade.
    assert_eq!(world.revoke(&format!("&client_id={id}")).await.status, 401);
    assert_eq!(world.introspect(&basic(&id, "x"), "").await.status, 401);
    assert_eq!(send(&key.sign(&json!({}), &claims("5"))).await, 200);
}

/// S4-32: settings are checked field by field, and hold from then on.
#[tokio::test]
async fn an_operator_says_how_the_authorization_server_behaves() {
    let world = World::start().await;
    let settings = OauthSettings {
        no_dynamic_registration: true,
        scopes: vec![RoleScope {
            name: "deploy".to_owned(),
            description: "Deploy".to_owned(),
            roles: vec!["deployer".to_owned()],
        }],
        ..OauthSettings::default()
    };
    assert_eq!(world.post("/register", &[], "{}").await.status, 400);
    let set = world.set(Some(settings.clone())).await.unwrap();
    assert!(set.revision > 0);
    let shown = set.oauth_settings.unwrap();
    assert_eq!(shown.issuer, ISSUER);
    let metadata = world.get("/.well-known/oauth-authorization-server").await;
    assert_eq!(metadata.body.get("registration_endpoint"), None);
    assert_eq!(
        metadata.body["scopes_supported"],
        json!(["mcp", "mcp:read", "deploy", "offline_access"])
    );
    let off = world.post("/register", &[], "{}").await;
    assert_eq!((off.status, off.body["error"].is_string()), (404, true));

    let mut bad = settings;
    bad.scopes[0].name = "mcp:write".to_owned();
    let refused = world.set(Some(bad)).await.unwrap_err();
    assert_eq!(told(&refused).1, ["oauth_settings.settings.scopes[0].name"]);
    let name = "tenants/acme/oauthSettings".to_owned();
    let request = world.admin.call(v1::GetOauthSettingsRequest { name });
    let read = world.oauth().get_oauth_settings(request).await.unwrap();
    assert_eq!(read.into_inner().oauth_settings.unwrap(), shown);
    world.set(None).await.unwrap();
    assert_eq!(world.post("/register", &[], "{}").await.status, 400);
}

/// ASM-1, ASM-2, ASM-6, A11, A45: under the issuer alone, by GET and HEAD, whatever the query.
#[tokio::test]
async fn metadata_is_there_under_the_issuer_alone() {
    let world = World::start().await;
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        let found = world.get(path).await;
        assert_eq!((found.status, &found.body["issuer"]), (200, &json!(ISSUER)));
        assert_eq!(found.header("content-type"), Some("application/json"));
        assert_eq!(found.header("cache-control"), Some("public, max-age=300"));
        assert!(!found.text.contains("null"));
        assert_eq!(
            world
                .get(&format!("{path}?issuer=https://evil.test"))
                .await
                .text,
            found.text
        );
        let head = world.ask(ISSUER, &format!("HEAD {path}"), &[], "").await;
        assert_eq!((head.status, head.text.as_str()), (200, ""));
        let alias = world
            .ask("http://alias.test:8080", &format!("GET {path}"), &[], "")
            .await;
        assert_eq!((alias.status, alias.body["error"].is_string()), (404, true));
        let shared = world
            .ask("http://gw.test/t/acme", &format!("GET {path}"), &[], "")
            .await;
        assert_eq!(shared.body["issuer"], "http://gw.test/t/acme");
        let nobody = world
            .ask("http://none.test", &format!("GET {path}"), &[], "")
            .await;
        assert_eq!(nobody.status, 404);
    }
    assert_eq!(world.get("/.well-known/other").await.status, 404);
}

impl World {
    pub(crate) async fn start() -> Self {
        let stack = Stack::start().await;
        let admin = Operator::of(&stack).await;
        admin.tenant("acme", "acme.test:8080").await.unwrap();
        admin
            .move_tenant("acme", &["alias.test:8080"])
            .await
            .unwrap();
        Self { stack, admin }
    }

    pub(crate) async fn ask(
        &self,
        origin: &str,
        asked: &str,
        lines: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let peer = ("aldgate-peer", "192.0.2.7:4711");
        let all = [&[("aldgate-origin", origin)], lines].concat();
        let has_peer = lines.iter().any(|(name, _)| *name == peer.0);
        let all = if has_peer {
            all
        } else {
            [&all[..], &[peer]].concat()
        };
        let node = self.stack.sign("spiffe://aldgate/pool/default/node/gw-1");
        let answer = gateway::exchange(&self.stack, Some(&node), asked, &all, body);
        answer.await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(ISSUER, &format!("GET {path}"), &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, lines: &[(&str, &str)], body: &str) -> Answer {
        self.ask(ISSUER, &format!("POST {path}"), lines, body).await
    }

    /// Asks about a token that is none, as a client with these credentials.
    pub(crate) async fn introspect(&self, authorization: &str, form: &str) -> Answer {
        self.form("/introspect", authorization, form).await
    }

    /// Gives up a token that is none.
    pub(crate) async fn revoke(&self, form: &str) -> Answer {
        self.form("/revoke", "", form).await
    }

    async fn form(&self, path: &str, authorization: &str, form: &str) -> Answer {
        let mut lines = vec![("content-type", "application/x-www-form-urlencoded")];
        if !authorization.is_empty() {
            lines.push(("authorization", authorization));
        }
        self.post(path, &lines, &format!("token=x{form}")).await
    }

    pub(crate) async fn set(
        &self,
        settings: Option<OauthSettings>,
    ) -> Result<v1::SetOauthSettingsResponse, Status> {
        let request = v1::SetOauthSettingsRequest {
            oauth_settings: Some(v1::TenantOauthSettings {
                name: "tenants/acme/oauthSettings".to_owned(),
                settings,
                ..v1::TenantOauthSettings::default()
            }),
        };
        let mut client = self.oauth();
        let set = client.set_oauth_settings(self.admin.call(request)).await?;
        Ok(set.into_inner())
    }

    pub(crate) async fn list(&self) -> Vec<v1::Client> {
        let request = v1::ListClientsRequest {
            parent: "tenants/acme".to_owned(),
            ..v1::ListClientsRequest::default()
        };
        let listed = self.clients().list_clients(self.admin.call(request)).await;
        listed.unwrap().into_inner().clients
    }

    pub(crate) async fn update(
        &self,
        client: v1::Client,
        paths: &[&str],
    ) -> Result<v1::Client, Status> {
        let paths = paths.iter().map(|&path| path.to_owned()).collect();
        let request = v1::UpdateClientRequest {
            client: Some(client),
            update_mask: Some(prost_types::FieldMask { paths }),
        };
        let updated = self
            .clients()
            .update_client(self.admin.call(request))
            .await?;
        Ok(updated.into_inner().client.unwrap())
    }

    pub(crate) async fn delete(&self, slug: &str) -> Result<v1::DeleteClientResponse, Status> {
        let request = v1::DeleteClientRequest {
            name: format!("tenants/acme/clients/{slug}"),
            ..v1::DeleteClientRequest::default()
        };
        let deleted = self
            .clients()
            .delete_client(self.admin.call(request))
            .await?;
        Ok(deleted.into_inner())
    }

    /// How many revocations there are.
    pub(crate) async fn revocations(&self) -> i64 {
        let mut sql = self.stack.postgres.connect("root", "aldgate").await;
        let count = sqlx::query_scalar("SELECT count(*) FROM revocations");
        count.fetch_one(&mut sql).await.unwrap()
    }

    async fn create(
        &self,
        slug: &str,
        client: v1::Client,
    ) -> Result<v1::CreateClientResponse, Status> {
        let request = v1::CreateClientRequest {
            parent: "tenants/acme".to_owned(),
            client_id: slug.to_owned(),
            client: Some(client),
        };
        let made = self
            .clients()
            .create_client(self.admin.call(request))
            .await?;
        Ok(made.into_inner())
    }

    async fn rotate(&self, slug: &str) -> Result<v1::RotateClientSecretResponse, Status> {
        let request = v1::RotateClientSecretRequest {
            name: format!("tenants/acme/clients/{slug}"),
        };
        let mut client = self.clients();
        let rotated = client
            .rotate_client_secret(self.admin.call(request))
            .await?;
        Ok(rotated.into_inner())
    }

    fn clients(&self) -> ClientServiceClient<Channel> {
        ClientServiceClient::new(self.admin.channel.clone())
    }

    fn oauth(&self) -> OauthServiceClient<Channel> {
        OauthServiceClient::new(self.admin.channel.clone())
    }
}

/// A client's own key.
pub(crate) struct Key(EcdsaKeyPair);

impl Key {
    pub(crate) fn generate() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    /// Its public half, as a JWK set.
    pub(crate) fn set(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let part = |at: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[at]);
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "kid": "k", "use": "sig", "alg": "ES256",
            "x": part(1..33), "y": part(33..65),
        }]})
    }

    /// A token with this payload; the header's members stand in place of the usual ones.
    pub(crate) fn sign(&self, header: &Value, payload: &Value) -> String {
        let mut whole = json!({"alg": "ES256", "kid": "k"});
        for (name, value) in header.as_object().unwrap() {
            whole[name] = value.clone();
        }
        let mut payload = payload.clone();
        payload
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&whole), part(&payload));
        let signature = self
            .0
            .sign(&SystemRandom::new(), message.as_bytes())
            .unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// The parameters of an assertion.
pub(crate) fn asserted(assertion: &str) -> String {
    format!(
        "&client_assertion={assertion}&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A\
         client-assertion-type%3Ajwt-bearer"
    )
}

pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

pub(crate) const ISSUER: &str = "http://acme.test:8080";
