//! Tenant A with a server that takes the kinds a test names, and good credentials of all of them.

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use gateway::config::snapshot::{
    ApiKeyHeader, Authenticator, Authenticators, Forwarded, Jwt, Key, Server, ServerSet,
    ServerSlot, Snapshot, StaticToken, Tenant,
};
use http::HeaderName;
use policy::Policy;
use proto::{
    access::v1::{self, JwtAuthenticator},
    id::{KeyUid, ServerUid, StaticTokenUid, TenantUid},
};
use seal::session::SessionCipher;
use serde_json::{Value, json};
use token::{
    ApiKey,
    fixed::{TokenType, verifier},
    session::SessionToken,
};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::world::{HOST_A, World, key, now, secrets, server, spec};

/// What a server may ask of its callers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    ApiKey,
    Jwt,
    Session,
    Static,
    Forwarded,
    Anonymous,
}

impl Kind {
    pub(super) const ALL: [Self; 6] = [
        Self::ApiKey,
        Self::Jwt,
        Self::Session,
        Self::Static,
        Self::Forwarded,
        Self::Anonymous,
    ];
}

/// What tests change before they publish.
pub(super) struct Doors {
    pub(super) of_tenant: Authenticators,
    pub(super) proxies: &'static str,
    pub(super) key_header: Option<&'static str>,
    pub(super) tokens_off: bool,
    s1: Server,
    s2: Server,
    keys: Vec<([u8; 32], Key)>,
}

impl Doors {
    pub(super) fn new(world: &World) -> Self {
        let hash = |text: &str| ApiKey::parse(text).unwrap().sha256();
        let mut gone = key(4, "gone", ServerSet::All);
        gone.disabled = true;
        let only_s2 = ServerSet::Only([ServerUid::from_uuid(Uuid::from_u128(12))].into());
        Self {
            of_tenant: Authenticators::default(),
            proxies: "127.0.0.0/8",
            key_header: None,
            tokens_off: false,
            s1: server(11, "s1", &world.one, Some((1, "Bearer CANARY-A1"))),
            s2: server(12, "s2", &world.two, Some((1, "Bearer CANARY-A2"))),
            keys: vec![
                (hash(&world.alice), key(1, "alice", ServerSet::All)),
                (hash(&world.adam), key(2, "adam", only_s2)),
                (hash(&world.gone), gone),
            ],
        }
    }

    /// `A/s1` asks for these kinds, in this order.
    pub(super) fn publish(mut self, world: &World, kinds: &[Kind]) {
        let list = kinds.iter().map(|kind| self.authenticator(*kind));
        self.s1.authenticators = Some(Arc::new(Authenticators::new(list.collect::<Vec<_>>())));
        let mut spec = spec(1, "a", HOST_A);
        spec.authenticators = Arc::new(self.of_tenant);
        let secrets = secrets()
            .with_pepper("1", Zeroizing::new(PEPPER))
            .with_jwt_secret("s", &SECRET);
        let allow = v1::Policy {
            default: "allow".to_owned(),
            ..v1::Policy::default()
        };
        let mut tenant = Tenant::new(spec, Arc::default())
            .with_secrets(Arc::new(secrets))
            .with_policy(Arc::new(Policy::compile(&allow).unwrap()), 2);
        for server in [self.s1, self.s2] {
            let slug = server.slug.clone();
            tenant = tenant.with_server(&slug, ServerSlot::Serving(Arc::new(server)));
        }
        for (hash, key) in self.keys {
            let key = Arc::new(key);
            if key.slug.as_str() == "alice" {
                let old = ApiKey::parse(&old_secret()).unwrap().sha256();
                let until = now() + Duration::from_hours(1);
                tenant = tenant.with_previous_secret(old, Arc::clone(&key), until);
            }
            tenant = tenant.with_key(hash, key);
        }
        for (verifier, mut token) in tokens() {
            token.disabled |= self.tokens_off;
            tenant = tenant.with_static_token(verifier, Arc::new(token));
        }
        let snapshot = Snapshot::of(2, [Arc::new(tenant)]);
        world.config.publish(Arc::new(snapshot));
    }

    /// Without this key.
    pub(super) fn disable(&mut self, slug: &str) {
        let keys = self.keys.iter_mut();
        let key = keys
            .map(|(_, key)| key)
            .find(|key| key.slug.as_str() == slug);
        key.unwrap().disabled = true;
    }

    fn authenticator(&self, kind: Kind) -> Authenticator {
        match kind {
            Kind::ApiKey => Authenticator::ApiKey(match self.key_header {
                Some(name) => ApiKeyHeader {
                    name: HeaderName::from_static(name),
                    chosen: true,
                },
                None => ApiKeyHeader::default(),
            }),
            Kind::Jwt => {
                let config = JwtAuthenticator {
                    issuer: "https://issuer.test".to_owned(),
                    audiences: vec!["https://a.test/mcp/s1".to_owned()],
                    secret_uid: "s".to_owned(),
                    ..JwtAuthenticator::default()
                };
                Authenticator::Jwt(Box::new(Jwt::compile(&config).unwrap()))
            }
            Kind::Session => Authenticator::Session,
            Kind::Static => Authenticator::Static,
            Kind::Forwarded => Authenticator::Forwarded(Forwarded {
                networks: [self.proxies.parse().unwrap()].into(),
                user: HeaderName::from_static("x-forwarded-user"),
                groups: HeaderName::from_static("x-forwarded-groups"),
            }),
            Kind::Anonymous => Authenticator::Anonymous([].into()),
        }
    }
}

/// What alice's key was before its rotation.
pub(super) fn old_secret() -> String {
    static OLD: LazyLock<ApiKey> = LazyLock::new(ApiKey::generate);
    OLD.expose().to_owned()
}

/// Carol's token of the issuer, after a change for the worse.
pub(super) fn jwt(change: impl FnOnce(&mut Value)) -> String {
    let mut claims = json!({
        "iss": "https://issuer.test",
        "aud": "https://a.test/mcp/s1",
        "sub": "carol",
        "exp": seconds(now() + Duration::from_hours(1)),
    });
    change(&mut claims);
    signed(&SECRET, &json!({"alg": "HS256", "typ": "JWT"}), &claims)
}

/// A token with this header, signed with this secret.
pub(super) fn signed(secret: &[u8], header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// Dave's session, made at this time with alice's key, after a change for the worse.
pub(super) fn session(made: SystemTime, change: impl FnOnce(&mut SessionToken)) -> String {
    let mut token = SessionToken {
        tenant: TenantUid::from_uuid(Uuid::from_u128(1)),
        key: KeyUid::from_uuid(Uuid::from_u128(1)),
        user: "dave".into(),
        roles: None,
        groups: [].into(),
        servers: None,
        scopes: [].into(),
        issued: made,
        expires: made + Duration::from_mins(15),
        id: Uuid::from_u128(6),
    };
    change(&mut token);
    token::session::mint(&token, &cipher(7))
}

/// The day's key of the tenant, or one of the same name.
pub(super) fn cipher(byte: u8) -> SessionCipher {
    SessionCipher::new("1d20000", &[byte; 32])
}

/// One good token of each type, one that is off, and one of another server.
fn tokens() -> Vec<([u8; 32], StaticToken)> {
    let token = |number, slug: &str, kind, value: &str| {
        let token = StaticToken {
            uid: StaticTokenUid::from_uuid(Uuid::from_u128(number)),
            slug: slug.parse().unwrap(),
            server: ServerUid::from_uuid(Uuid::from_u128(11)),
            kind,
            subject: format!("tokens/{slug}").into(),
            principal: Uuid::from_u128(number),
            roles: [].into(),
            passthrough: false,
            has_headers: false,
            disabled: false,
            expires: Some(now() + Duration::from_hours(1)),
            gauge: Arc::default(),
        };
        (verifier(&PEPPER, kind, value.as_bytes()), token)
    };
    let mut off = token(35, "off", TokenType::Bearer, "off");
    off.1.disabled = true;
    let mut of_s2 = token(36, "of-s2", TokenType::Bearer, "of-s2");
    of_s2.1.server = ServerUid::from_uuid(Uuid::from_u128(12));
    vec![
        token(31, "bearer", TokenType::Bearer, "pasted"),
        token(32, "api-key", TokenType::ApiKey, "pasted"),
        token(33, "x-api-key", TokenType::XApiKey, "pasted"),
        token(34, "basic", TokenType::Basic, "cGFzdGVkOng="),
        token(37, "single", TokenType::Bearer, "bearer-only"),
        token(38, "double", TokenType::ApiKey, "header-only"),
        off,
        of_s2,
    ]
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(super) const SECRET: [u8; 32] = [5; 32];
const PEPPER: [u8; 32] = [6; 32];
