//! An issuer of JSON Web Tokens that the test holds: it serves its keys (RFC 7517), rotates them and
//! goes away when told. It shares no code with the gateway.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

/// A running issuer; dropping it ends it.
pub struct Issuer {
    url: String,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

struct Shared {
    keys: Mutex<Vec<SigningKey>>,
    fetches: AtomicUsize,
    mute: Mutex<bool>,
}

struct SigningKey {
    kid: String,
    pair: EcdsaKeyPair,
}

impl Issuer {
    /// Listens on a free port of 127.0.0.1, with one key.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            keys: Mutex::new(vec![SigningKey::generate("k1")?]),
            fetches: AtomicUsize::new(0),
            mute: Mutex::new(false),
        });
        let router = Router::new()
            .route("/jwks", get(jwks))
            .with_state(Arc::clone(&shared));
        let mut server = JoinSet::new();
        server.spawn(async move {
            // It ends with the test.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            url,
            shared,
            _server: server,
        })
    }

    /// What `iss` is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its keys are.
    pub fn jwks_uri(&self) -> String {
        format!("{}/jwks", self.url)
    }

    /// The keys themselves.
    pub fn jwks(&self) -> Value {
        self.shared.jwks()
    }

    /// How often its keys were asked for.
    pub fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::SeqCst)
    }

    /// From now on a key of this name signs, and the ones before are gone.
    pub fn rotate(&self, kid: &str) -> Result<()> {
        *lock(&self.shared.keys) = vec![SigningKey::generate(kid)?];
        Ok(())
    }

    /// From now on its keys cannot be had, or can again.
    pub fn mute(&self, mute: bool) {
        *lock(&self.shared.mute) = mute;
    }

    /// A token for this subject and audience that lives so many seconds from now; negative ones have
    /// passed. `more` are further claims, which replace ours.
    pub fn token(&self, subject: &str, audience: &str, lives: i64, more: &Value) -> Result<String> {
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
        let mut claims = json!({
            "iss": self.url, "sub": subject, "aud": audience, "iat": now, "exp": now + lives,
        });
        let all = claims.as_object_mut().context("an object")?;
        all.extend(more.as_object().cloned().unwrap_or_default());
        let keys = lock(&self.shared.keys);
        let key = keys.last().context("a key")?;
        let header = json!({"alg": "ES256", "kid": key.kid, "typ": "JWT"});
        key.sign(&header, &claims)
    }
}

impl Shared {
    fn jwks(&self) -> Value {
        let keys: Vec<_> = lock(&self.keys).iter().map(SigningKey::jwk).collect();
        json!({"keys": keys})
    }
}

impl SigningKey {
    fn generate(kid: &str) -> Result<Self> {
        Ok(Self {
            kid: kid.to_owned(),
            pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?,
        })
    }

    fn jwk(&self) -> Value {
        // 04 ‖ x ‖ y.
        let point = self.pair.public_key().as_ref();
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid,
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]),
            "y": URL_SAFE_NO_PAD.encode(&point[33..]),
        })
    }

    fn sign(&self, header: &Value, claims: &Value) -> Result<String> {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

async fn jwks(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    shared.fetches.fetch_add(1, Ordering::SeqCst);
    if *lock(&shared.mute) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    Json(shared.jwks()).into_response()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
