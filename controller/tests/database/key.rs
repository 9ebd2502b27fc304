//! The life of API keys: the one that comes with a server, scopes, rotation.

use proto::admin::v1::{
    self, key_service_client::KeyServiceClient, server_service_client::ServerServiceClient,
};
use sqlx::Row as _;
use token::ApiKey;
use tonic::Code;

use crate::{
    operator::Operator,
    support::{Stack, postgres::dump, told},
};

/// S2-3: every server comes with a key of its own, made with it or not at all.
#[tokio::test]
async fn a_server_comes_with_a_primary_key_and_takes_it_along() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    let mut servers = ServerServiceClient::new(admin.channel.clone());
    let create = |slug: &str, omit_primary_key| v1::CreateServerRequest {
        parent: "tenants/acme".to_owned(),
        server_id: slug.to_owned(),
        server: Some(v1::Server {
            url: "http://127.0.0.1:9101/mcp".to_owned(),
            ..v1::Server::default()
        }),
        omit_primary_key,
        ..v1::CreateServerRequest::default()
    };
    let made = servers.create_server(admin.call(create("files", false)));
    let made = made.await.unwrap().into_inner();
    let (server, key) = (made.server.unwrap(), made.primary_key.unwrap());
    assert_eq!(
        key.name,
        format!("tenants/acme/keys/primary-{}", &server.uid[..8])
    );
    assert_eq!(key.display_name, "Primary key of files");
    assert!(key.primary && key.expire_time.is_none() && !key.all_servers);
    assert_eq!(key.servers, ["tenants/acme/servers/files"]);
    assert_eq!((key.revision, server.revision), (2, 2));
    assert!(ApiKey::parse(&made.primary_key_secret).is_ok());
    assert_eq!(admin.get_key(&key.name).await.unwrap(), key);
    assert!(!dump(&stack.postgres.address("root")).contains(&made.primary_key_secret));

    let without = servers.create_server(admin.call(create("more", true)));
    let without = without.await.unwrap().into_inner();
    assert_eq!(
        (without.primary_key, without.primary_key_secret.as_str()),
        (None, "")
    );

    // Nothing of a server that is not made.
    let twice = servers.create_server(admin.call(create("files", false)));
    assert_eq!(twice.await.unwrap_err().code(), Code::AlreadyExists);
    let mut root = stack.postgres.connect("root", "aldgate").await;
    let keys: i64 = sqlx::query_scalar("SELECT count(*) FROM api_keys")
        .fetch_one(&mut root)
        .await
        .unwrap();
    assert_eq!(keys, 1);

    let delete = v1::DeleteServerRequest {
        name: server.name,
        etag: String::new(),
    };
    servers.delete_server(admin.call(delete)).await.unwrap();
    let gone = admin.get_key(&key.name).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
}

/// S2-4, S2-6, S2-7.
#[tokio::test]
async fn scopes_are_checked_kept_and_changed() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    admin.server("acme", "files", None).await.unwrap();
    let mut keys = KeyServiceClient::new(admin.channel.clone());
    let create = |slug: &str, scopes: &[&str]| v1::CreateKeyRequest {
        parent: "tenants/acme".to_owned(),
        key_id: slug.to_owned(),
        key: Some(v1::Key {
            all_servers: true,
            scopes: scopes.iter().map(ToString::to_string).collect(),
            ..v1::Key::default()
        }),
        lifespan: v1::KeyLifespan::Permanent.into(),
    };
    let made = keys.create_key(admin.call(create("ci", &["files:read", "*:write"])));
    let made = made.await.unwrap().into_inner().key.unwrap();
    assert_eq!(made.scopes, ["files:read", "*:write"]);
    for bad in [
        "files",
        "files:delete",
        "Files:read",
        ":read",
        "files:read:x",
    ] {
        let refused = keys.create_key(admin.call(create("bad", &["files:read", bad])));
        assert_eq!(
            told(&refused.await.unwrap_err()).1,
            ["key.scopes[1]"],
            "{bad}"
        );
    }
    let change = v1::UpdateKeyRequest {
        key: Some(v1::Key {
            name: made.name.clone(),
            scopes: vec!["files:*".to_owned()],
            ..v1::Key::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["scopes".to_owned()],
        }),
    };
    keys.update_key(admin.call(change)).await.unwrap();
    let read = admin.get_key(&made.name).await.unwrap();
    assert_eq!(read.scopes, ["files:*"]);
    assert!(read.all_servers);
}

/// S2-8.
#[tokio::test]
async fn a_rotated_key_has_two_secrets_for_as_long_as_was_asked() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    admin.server("acme", "files", None).await.unwrap();
    let first = admin.key("acme", "ci", "files").await.unwrap().secret;
    let mut keys = KeyServiceClient::new(admin.channel.clone());
    let rotate = |seconds, etag: &str| v1::RotateKeyRequest {
        name: "tenants/acme/keys/ci".to_owned(),
        etag: etag.to_owned(),
        overlap: (seconds != 0).then_some(prost_types::Duration { seconds, nanos: 0 }),
    };
    for (seconds, etag) in [(7 * 86_400 + 1, ""), (-1, "")] {
        let refused = keys.rotate_key(admin.call(rotate(seconds, etag))).await;
        assert_eq!(told(&refused.unwrap_err()).1, ["overlap"]);
    }
    let stale = keys.rotate_key(admin.call(rotate(60, "1"))).await;
    assert_eq!(stale.unwrap_err().code(), Code::Aborted);

    let second = keys.rotate_key(admin.call(rotate(3600, ""))).await;
    let second = second.unwrap().into_inner();
    let key = second.key.unwrap();
    let changed = key.update_time.unwrap().seconds;
    assert_eq!(key.previous_expire_time.unwrap().seconds, changed + 3600);
    assert_eq!(
        hashes(&stack).await,
        (hash(&second.secret), Some(hash(&first)))
    );

    let third = keys.rotate_key(admin.call(rotate(0, &key.etag))).await;
    let third = third.unwrap().into_inner();
    assert_eq!(third.key.unwrap().previous_expire_time, None);
    assert_eq!(hashes(&stack).await, (hash(&third.secret), None));

    // A rotation is told in the record although nothing that is shown has changed.
    let mut root = stack.postgres.connect("root", "aldgate").await;
    let record = "SELECT before_digest, after_digest FROM audit_records
                  ORDER BY revision DESC NULLS LAST LIMIT 1";
    let record = sqlx::query(record).fetch_one(&mut root).await.unwrap();
    assert_ne!(record.get::<Vec<u8>, _>(0), record.get::<Vec<u8>, _>(1));
}

fn hash(secret: &str) -> Vec<u8> {
    token::sha256_of(secret).to_vec()
}

async fn hashes(stack: &Stack) -> (Vec<u8>, Option<Vec<u8>>) {
    let mut root = stack.postgres.connect("root", "aldgate").await;
    sqlx::query_as("SELECT sha256, previous_sha256 FROM api_keys WHERE slug = 'ci'")
        .fetch_one(&mut root)
        .await
        .unwrap()
}
