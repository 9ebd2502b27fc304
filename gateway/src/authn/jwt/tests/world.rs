//! A node's verifier, and an issuer that it may call.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use egress::{Dialer, Policy, Resolver, Trust};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use proto::{access::v1::JwtAuthenticator, id::TenantUid};
use runtime::shutdown::Tasks;
use serde_json::{Value, json};
use token::jwt::{Claims, Refusal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::issuer::{Issuer, Key};
use crate::{
    authn::{
        jwks::Remote,
        jwt::{CompiledJwt, Jwt},
    },
    config::snapshot::{Authenticators, Tenant, TenantSpec},
};

/// A node's verifier, with an issuer that it may call.
pub(super) struct World {
    pub(super) jwt: Jwt,
    pub(super) issuer: Issuer,
    pub(super) host: String,
    pub(super) tenant: Tenant,
    pub(super) tasks: Tasks,
    metrics: PrometheusHandle,
}

impl World {
    pub(super) async fn new() -> Self {
        let tasks = Tasks::new();
        let issuer = Issuer::start(&tasks).await;
        let policy = Policy::allowing(["127.0.0.0/8".parse().unwrap()], []);
        let dialer = Dialer::new(policy, Resolver::System, trust());
        let recorder = PrometheusBuilder::new().build_recorder();
        let jwt = metrics::with_local_recorder(&recorder, || Jwt::new(dialer));
        tasks.spawn(
            "keys",
            jwt.clone().run(tasks.clone(), CancellationToken::new()),
        );
        let url = issuer.url();
        let host = url["http://".len()..].split('/').next().unwrap().to_owned();
        Self {
            jwt,
            issuer,
            host,
            tenant: tenant(1),
            tasks,
            metrics: recorder.handle(),
        }
    }

    pub(super) fn config(&self) -> JwtAuthenticator {
        JwtAuthenticator {
            issuer: "https://idp.test".into(),
            audiences: vec!["https://a.test/mcp".into()],
            jwks_uri: self.issuer.url(),
            ..Default::default()
        }
    }

    pub(super) fn compiled(&self) -> CompiledJwt {
        CompiledJwt::compile(&self.config()).unwrap()
    }

    pub(super) async fn accept(
        &self,
        token: &str,
        jwt: &CompiledJwt,
    ) -> Result<Arc<Claims>, Refusal> {
        self.jwt.accept(token, &self.tenant, jwt, now()).await
    }

    pub(super) fn remote(&self, jwt: &CompiledJwt) -> Arc<Remote> {
        let remote = jwt.remote(self.tenant.uid, &self.jwt.0.registry);
        Arc::clone(remote.unwrap())
    }

    /// Has the keys fetched for the first time.
    pub(super) async fn fetched(&mut self, jwt: &CompiledJwt, keys: &[&Key]) {
        let mut ended = self.remote(jwt).watch();
        self.issuer.asked().await.answer(keys).await;
        ended.changed().await.unwrap();
    }

    /// Has the keys that are due fetched again.
    pub(super) async fn refreshed(&mut self, jwt: &CompiledJwt, keys: &[&Key]) {
        let mut ended = self.remote(jwt).watch();
        self.look();
        self.issuer.asked().await.answer(keys).await;
        ended.changed().await.unwrap();
    }

    pub(super) fn look(&self) {
        self.jwt.0.registry.look(Instant::now(), &self.tasks);
    }

    pub(super) fn pass(&self, jwt: &CompiledJwt, time: Duration) {
        self.remote(jwt).pass(time);
    }

    pub(super) fn verified(&self, outcome: &str) -> u64 {
        let text = self.metrics.render();
        let name = format!("aldgate_jwt_verifications_total{{outcome=\"{outcome}\"}} ");
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(&name));
        lines.next().map_or(0, |count| count.parse().unwrap())
    }
}

pub(super) fn tenant(number: u128) -> Tenant {
    tenant_with(number, Arc::default())
}

pub(super) fn tenant_with(number: u128, authenticators: Arc<Authenticators>) -> Tenant {
    let spec = TenantSpec {
        uid: TenantUid::from_uuid(Uuid::from_u128(number)),
        slug: "acme".parse().unwrap(),
        canonical_origin: "https://acme.test".into(),
        alias_origins: Vec::new(),
        allowed_origins: HashSet::new(),
        authenticators,
        limits: None,
        look: Arc::new(look::Look::new(
            "Acme",
            &proto::access::v1::Branding::default(),
        )),
        signing_keys: [].into(),
        revocation_grace: Duration::from_mins(10),
    };
    Tenant::new(spec, Arc::default())
}

pub(super) fn claims(subject: &str) -> Value {
    json!({
        "iss": "https://idp.test", "aud": "https://a.test/mcp", "sub": subject,
        "exp": NOW + 300,
    })
}

pub(super) fn hs256(secret: &[u8], claims: &Value) -> String {
    use aws_lc_rs::hmac;
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&json!({"alg": "HS256"})), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub(super) fn trust() -> Trust {
    runtime::tls::install_provider();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::default();
    Trust::only(params.self_signed(&key).unwrap().pem().as_bytes()).unwrap()
}

pub(super) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

pub(super) const NOW: u64 = 1_800_000_001;
