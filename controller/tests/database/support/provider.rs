//! An OpenID provider that the test holds: it does what it must, or whatever the test wants of it. It
//! shares no code with the controller.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};
use url::Url;
use uuid::Uuid;

/// A running provider; dropping it ends it.
pub(crate) struct Provider {
    url: String,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

/// How it behaves.
pub(crate) struct Script {
    /// Claims besides the usual ones, or in place of them; `null` leaves one out.
    pub(crate) claims: Value,
    /// The same of the token's header.
    pub(crate) header: Value,
    /// The same of the discovery document.
    pub(crate) document: Value,
    /// It answers nothing but 503.
    pub(crate) is_out: bool,
    /// It never answers.
    pub(crate) hangs: bool,
    /// ID tokens bear a signature of nobody's.
    pub(crate) forges: bool,
    key: SigningKey,
}

struct Shared {
    url: String,
    script: Mutex<Script>,
    codes: Mutex<HashMap<String, HashMap<String, String>>>,
}

struct SigningKey {
    kid: String,
    pair: EcdsaKeyPair,
}

impl Provider {
    /// Listens on a free port of 127.0.0.1.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            url: url.clone(),
            script: Mutex::new(Script {
                claims: json!({}),
                header: json!({}),
                document: json!({}),
                is_out: false,
                hangs: false,
                forges: false,
                key: SigningKey::generate("k1"),
            }),
            codes: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(document))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .with_state(Arc::clone(&shared));
        let mut server = JoinSet::new();
        server.spawn(async move {
            // It ends with the test.
            let _ = axum::serve(listener, router).await;
        });
        Self {
            url,
            shared,
            _server: server,
        }
    }

    /// Its issuer.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How it behaves from now on.
    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.shared.script.lock().unwrap()
    }

    /// From now on a key of this name signs, and the one before is gone.
    pub(crate) fn rotate(&self, kid: &str) {
        self.script().key = SigningKey::generate(kid);
    }

    /// What it does when a browser comes with this URL and somebody signs in: the code, and the state
    /// that it gives back.
    pub(crate) fn sign_in(&self, url: &str) -> (String, String) {
        let url = Url::parse(url).unwrap();
        assert!(url.as_str().starts_with(&format!("{}/auth?", self.url)));
        let asked: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["code_challenge_method"], "S256");
        assert_eq!(asked["client_id"], CLIENT);
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"));
        let (code, state) = (Uuid::new_v4().to_string(), asked["state"].clone());
        let mut codes = self.shared.codes.lock().unwrap();
        codes.insert(code.clone(), asked);
        (code, state)
    }
}

async fn document(State(shared): State<Arc<Shared>>) -> Response {
    if let Some(refused) = shared.outage().await {
        return refused;
    }
    let url = &shared.url;
    let mut document = json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/auth"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
    });
    merge(&mut document, &shared.script.lock().unwrap().document);
    Json(document).into_response()
}

async fn jwks(State(shared): State<Arc<Shared>>) -> Response {
    if let Some(refused) = shared.outage().await {
        return refused;
    }
    let keys = [shared.script.lock().unwrap().key.jwk()];
    Json(json!({"keys": keys})).into_response()
}

async fn token(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> Response {
    if let Some(refused) = shared.outage().await {
        return refused;
    }
    let form: HashMap<String, String> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let asked = shared.codes.lock().unwrap().remove(&form["code"]);
    let challenge = digest(&SHA256, form["code_verifier"].as_bytes());
    let expected = format!(
        "Basic {}",
        base64::prelude::BASE64_STANDARD.encode(format!("{CLIENT}:{SECRET}"))
    );
    let right = asked.filter(|asked| {
        asked["code_challenge"] == URL_SAFE_NO_PAD.encode(challenge)
            && asked["redirect_uri"] == form["redirect_uri"]
            && headers["authorization"] == expected.as_str()
    });
    let Some(asked) = right else {
        let error = json!({"error": "invalid_grant"});
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    };
    let id_token = shared.id_token(&asked["nonce"]);
    Json(json!({"access_token": "x", "token_type": "Bearer", "id_token": id_token})).into_response()
}

impl Shared {
    async fn outage(&self) -> Option<Response> {
        let (is_out, hangs) = {
            let script = self.script.lock().unwrap();
            (script.is_out, script.hangs)
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        is_out.then(|| StatusCode::SERVICE_UNAVAILABLE.into_response())
    }

    fn id_token(&self, nonce: &str) -> String {
        let script = self.script.lock().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let end = now + Duration::from_mins(5);
        let mut claims = json!({
            "iss": self.url, "sub": "s-1", "aud": CLIENT, "nonce": nonce,
            "iat": now.as_secs(), "exp": end.as_secs(),
        });
        merge(&mut claims, &script.claims);
        let mut header = json!({"alg": "ES256", "kid": script.key.kid, "typ": "JWT"});
        merge(&mut header, &script.header);
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let key = if script.forges {
            &SigningKey::generate("forged")
        } else {
            &script.key
        };
        let random = SystemRandom::new();
        let signature = key.pair.sign(&random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl SigningKey {
    fn generate(kid: &str) -> Self {
        Self {
            kid: kid.to_owned(),
            pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
        }
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
}

/// Members of one object into another; `null` removes.
fn merge(into: &mut Value, from: &Value) {
    let into = into.as_object_mut().unwrap();
    for (name, value) in from.as_object().unwrap() {
        if value.is_null() {
            into.remove(name);
        } else {
            into.insert(name.clone(), value.clone());
        }
    }
}

/// Who we are there.
pub(crate) const CLIENT: &str = "aldgate";
pub(crate) const SECRET: &str = "provider-secret-1";
