//! JSON Web Tokens for the load: RS256, the algorithm that most issuers use, each for the same
//! subject and no two alike.

use std::{fmt::Write as _, time::SystemTime};

use anyhow::Result;
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

/// Signs tokens.
pub(crate) struct Signer {
    key: KeyPair,
    count: u64,
}

impl Signer {
    /// With a new key of 2048 bits.
    pub(crate) fn new() -> Result<Self> {
        let key = KeyPair::generate(KeySize::Rsa2048)?;
        Ok(Self { key, count: 0 })
    }

    /// Its public key as a JWK set.
    pub(crate) fn jwks(&self) -> String {
        let public = self.key.public_key();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"keys": [{
            "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "bench",
            "n": encode(public.modulus().big_endian_without_leading_zero()),
            "e": encode(public.exponent().big_endian_without_leading_zero()),
        }]})
        .to_string()
    }

    /// The next token, good for an hour.
    pub(crate) fn token(&mut self) -> Result<String> {
        self.count += 1;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": "bench"});
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "bench", "roles": ["bench"],
            "iat": now.as_secs(), "exp": now.as_secs() + 3600, "jti": self.count.to_string(),
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut token = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = SystemRandom::new();
        self.key
            .sign(&RSA_PKCS1_SHA256, &random, token.as_bytes(), &mut signature)?;
        write!(token, ".{}", URL_SAFE_NO_PAD.encode(signature))?;
        Ok(token)
    }
}

/// What `iss` is.
pub(crate) const ISSUER: &str = "https://issuer.bench.test";

/// What `aud` is.
pub(crate) const AUDIENCE: &str = "https://bench.test/mcp";
