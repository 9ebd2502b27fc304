//! How callers prove who they are, and the secrets that takes.

use proto::{
    access::v1::{
        Authenticator, Authenticators, JwtAuthenticator, SessionAuthenticator, authenticator::Kind,
    },
    admin::v1::{
        self, access_service_client::AccessServiceClient,
        server_service_client::ServerServiceClient,
    },
};
use sqlx::Connection as _;
use tonic::Code;

use crate::{
    lease::Given,
    operator::Operator,
    support::{Stack, postgres::dump, told},
};

/// S4-20, S4-30: set for a tenant, read back without secrets, refused with the field, never half
/// applied; a secret left out of an update stays with its issuer and goes when nothing names it.
#[tokio::test]
async fn a_tenants_authenticators_keep_their_secrets() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    let mut access = AccessServiceClient::new(admin.channel.clone());
    let set = |list: Vec<Kind>| {
        admin.call(v1::SetAuthenticatorsRequest {
            name: "tenants/acme".to_owned(),
            authenticators: Some(of(list)),
            etag: String::new(),
        })
    };
    let get = || {
        admin.call(v1::GetAuthenticatorsRequest {
            name: "tenants/acme".to_owned(),
        })
    };
    let unset = access.get_authenticators(get()).await.unwrap().into_inner();
    assert_eq!(unset.authenticators, None);

    let stored = access
        .set_authenticators(set(vec![jwt(ONE, "CANARY-one-".repeat(4))]))
        .await;
    let stored = stored.unwrap().into_inner().authenticators.unwrap();
    let uid = secret_uid(&stored, 0);
    assert!(!uid.is_empty());
    assert!(!format!("{stored:?}").contains("CANARY"));
    let given = Given::to_a_node(&stack, has_secrets(1)).await;
    assert_eq!(given.secrets[0].jwt_secrets[0].uid, uid);
    assert_eq!(
        given.secrets[0].jwt_secrets[0].value,
        "CANARY-one-".repeat(4)
    );
    assert!(!format!("{given:?}").contains("CANARY"));

    // As read, with another kind before it: the secret stays.
    let session = Kind::Session(SessionAuthenticator {});
    let again = vec![session.clone(), stored.list[0].kind.clone().unwrap()];
    let kept = access.set_authenticators(set(again)).await.unwrap();
    let kept = kept.into_inner().authenticators.unwrap();
    assert_eq!(secret_uid(&kept, 1), uid);

    // Of another issuer there is none.
    let refused = access
        .set_authenticators(set(vec![jwt(TWO, String::new())]))
        .await;
    assert_eq!(
        told(&refused.unwrap_err()).1,
        ["authenticators.list[0].jwt"]
    );
    let read = access.get_authenticators(get()).await.unwrap().into_inner();
    assert_eq!(read.authenticators, Some(kept));

    let two = access
        .set_authenticators(set(vec![jwt(TWO, "CANARY-two-".repeat(4))]))
        .await;
    let two = two.unwrap().into_inner().authenticators.unwrap();
    let only = |given: &Given| {
        let secrets = given.secrets.iter().flat_map(|tenant| &tenant.jwt_secrets);
        let uids: Vec<_> = secrets.map(|secret| secret.uid.clone()).collect();
        uids == [secret_uid(&two, 0)]
    };
    Given::to_a_node(&stack, only).await;
    access.set_authenticators(set(vec![session])).await.unwrap();
    Given::to_a_node(&stack, has_secrets(0)).await;
    let text = dump(&stack.postgres.address("root"));
    assert!(!text.contains("CANARY") && !stack.log().contains("CANARY"));
}

/// a server's own authenticators and egress mode, whose secrets go with it.
#[tokio::test]
async fn a_servers_authenticators_come_change_and_go_with_it() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    let mut servers = ServerServiceClient::new(admin.channel.clone());
    let create = v1::CreateServerRequest {
        parent: "tenants/acme".to_owned(),
        server_id: "files".to_owned(),
        server: Some(v1::Server {
            url: "http://127.0.0.1:9101/mcp".to_owned(),
            authenticators: Some(of(vec![jwt(ONE, "CANARY-one-".repeat(4))])),
            egress_mode: v1::EgressMode::Passthrough.into(),
            ..v1::Server::default()
        }),
        ..v1::CreateServerRequest::default()
    };
    let made = servers.create_server(admin.call(create)).await.unwrap();
    let made = made.into_inner().server.unwrap();
    assert_eq!(made.egress_mode(), v1::EgressMode::Passthrough);
    assert_eq!(admin.get_server(&made.name).await.unwrap(), made);
    Given::to_a_node(&stack, has_secrets(1)).await;

    let mut update = async |server: v1::Server, path: &str| {
        let request = v1::UpdateServerRequest {
            server: Some(v1::Server {
                name: made.name.clone(),
                ..server
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec![path.to_owned()],
            }),
        };
        let done = servers.update_server(admin.call(request)).await?;
        Ok::<_, tonic::Status>(done.into_inner().server.unwrap())
    };
    let old_form = v1::Server {
        authenticators: Some(Authenticators {
            provider: "jwt".to_owned(),
            list: vec![],
        }),
        ..v1::Server::default()
    };
    let refused = update(old_form, "authenticators").await.unwrap_err();
    assert_eq!(told(&refused).1, ["server.authenticators.provider"]);
    let unknown = v1::Server {
        egress_mode: 9,
        ..v1::Server::default()
    };
    let refused = update(unknown, "egress_mode").await.unwrap_err();
    assert_eq!(told(&refused).1, ["server.egress_mode"]);
    let metadata = v1::Server {
        authenticators: Some(of(vec![Kind::Jwt(JwtAuthenticator {
            issuer: ONE.to_owned(),
            audiences: vec!["a".to_owned()],
            jwks_uri: "http://169.254.169.254/jwks".to_owned(),
            ..JwtAuthenticator::default()
        })])),
        ..v1::Server::default()
    };
    let refused = update(metadata, "authenticators").await.unwrap_err();
    assert_eq!(
        told(&refused).1,
        ["server.authenticators.list[0].jwt.jwks_uri"]
    );

    let shared = v1::Server::default();
    let changed = update(shared, "egress_mode").await.unwrap();
    assert_eq!(changed.egress_mode(), v1::EgressMode::Shared);
    assert_eq!(changed.authenticators, made.authenticators);
    let delete = v1::DeleteServerRequest {
        name: made.name.clone(),
        etag: String::new(),
    };
    servers.delete_server(admin.call(delete)).await.unwrap();
    Given::to_a_node(&stack, has_secrets(0)).await;
}

/// TI-15, must-hold 6: each new table shows a tenant its own rows and takes no others.
#[tokio::test]
async fn the_new_tables_keep_tenants_apart() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    let one = admin.tenant("one", "one.test").await.unwrap().uid;
    let two = admin.tenant("two", "two.test").await.unwrap().uid;
    let server = admin.server("two", "files", None).await.unwrap().uid;
    let mut app = stack.postgres.connect("aldgate_app", "aldgate").await;
    let inserts = [
        (
            "jwt_secrets",
            format!(
                "INSERT INTO jwt_secrets (tenant_id, secret_id, sealed)
                 VALUES ('{two}', gen_random_uuid(), 'x')"
            ),
        ),
        (
            "policies",
            format!("INSERT INTO policies (tenant_id, body) VALUES ('{two}', '{{}}')"),
        ),
        (
            "static_tokens",
            format!(
                "INSERT INTO static_tokens
                     (tenant_id, static_token_id, server_id, slug, type, pepper_id, verifier)
                 VALUES ('{two}', gen_random_uuid(), '{server}', 'x', 'bearer', '1',
                         decode(repeat('00', 32), 'hex'))"
            ),
        ),
    ];
    for (table, insert) in inserts {
        let mut foreign = app.begin().await.unwrap();
        scope(&mut foreign, &one).await;
        let refused = sqlx::query(sqlx::AssertSqlSafe(insert.clone()));
        let refused = refused.execute(&mut *foreign).await.unwrap_err();
        let code = refused.as_database_error().unwrap().code();
        assert_eq!(code.unwrap(), "42501", "{table}");
        drop(foreign);

        let mut own = app.begin().await.unwrap();
        scope(&mut own, &two).await;
        let insert = sqlx::query(sqlx::AssertSqlSafe(insert));
        insert.execute(&mut *own).await.unwrap();
        own.commit().await.unwrap();
        for (tenant, rows) in [(&two, 1), (&one, 0)] {
            let mut tx = app.begin().await.unwrap();
            scope(&mut tx, tenant).await;
            let count = format!("SELECT count(*) FROM {table}");
            let count = sqlx::query_scalar(sqlx::AssertSqlSafe(count));
            let count: i64 = count.fetch_one(&mut *tx).await.unwrap();
            assert_eq!(count, rows, "{table}");
        }
    }
    let confined = Operator {
        token: admin.token("tenants/one", v1::TokenRole::Admin).await,
        channel: admin.channel.clone(),
    };
    let mut access = AccessServiceClient::new(admin.channel.clone());
    let foreign = v1::GetAuthenticatorsRequest {
        name: "tenants/two".to_owned(),
    };
    let foreign = access.get_authenticators(confined.call(foreign)).await;
    assert_eq!(foreign.unwrap_err().code(), Code::NotFound);
}

async fn scope(sql: &mut sqlx::PgConnection, tenant: &str) {
    sqlx::query("SELECT set_config('aldgate.tenant', $1, true)")
        .bind(tenant)
        .execute(sql)
        .await
        .unwrap();
}

fn has_secrets(count: usize) -> impl Fn(&Given) -> bool {
    move |given| {
        let tenants = given.secrets.iter();
        let secrets: usize = tenants.map(|tenant| tenant.jwt_secrets.len()).sum();
        !given.secrets.is_empty() && secrets == count
    }
}

fn secret_uid(authenticators: &Authenticators, at: usize) -> String {
    match &authenticators.list[at].kind {
        Some(Kind::Jwt(jwt)) => jwt.secret_uid.clone(),
        other => panic!("{other:?}"),
    }
}

fn of(list: Vec<Kind>) -> Authenticators {
    let list = list.into_iter();
    Authenticators {
        list: list
            .map(|kind| Authenticator { kind: Some(kind) })
            .collect(),
        provider: String::new(),
    }
}

fn jwt(issuer: &str, secret: String) -> Kind {
    Kind::Jwt(JwtAuthenticator {
        issuer: issuer.to_owned(),
        audiences: vec!["https://acme.test".to_owned()],
        secret,
        ..JwtAuthenticator::default()
    })
}

const ONE: &str = "https://one.test";
const TWO: &str = "https://two.test";
