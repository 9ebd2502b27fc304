//! From a code to somebody: the code is exchanged at the provider, and what the ID token says is
//! believed once its signature, issuer, audience, nonce and times are right (OpenID Connect Core
//! §3.1.3.7).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use egress::Dialer;
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, Nonce, PkceCodeVerifier, RedirectUrl, RequestTokenError,
    SignatureVerificationError, TokenResponse as _,
    core::{CoreClient, CoreClientAuthMethod, CoreIdToken, CoreJwsSigningAlgorithm},
};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{
    directory::{Inquiry, Known, Metadata, Unavailable},
    errand::Secrets,
    http::{CallError, Caller},
    person::Person,
};

/// A client of a provider's that knows its endpoints.
pub(super) type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why an answer is not accepted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// It is not for what this browser began (A31).
    #[error("the state is not of this login")]
    State,
    /// It says that it is from somebody else, or does not say from whom (A33, RFC 9207).
    #[error("`iss` is not the provider's")]
    Issuer,
    /// There is no code in it.
    #[error("it has no code")]
    NoCode,
    /// Something that is stored of the provider is not fit.
    #[error("the provider's registration here is not fit")]
    Registration,
    /// The provider refused the code.
    #[error("the provider refused the code: {0}")]
    Code(String),
    /// The provider could not be asked about the code.
    #[error("exchanging the code")]
    Call(#[source] CallError),
    /// It could not be asked for its keys.
    #[error("asking for the provider's keys")]
    Keys(#[source] Unavailable),
    /// There is no ID token.
    #[error("it has no ID token")]
    NoToken,
    /// The ID token is not right.
    #[error("the ID token is refused")]
    Token(#[source] ClaimsVerificationError),
    /// It is for somebody else besides us.
    #[error("the ID token was issued to another client")]
    Party,
    /// What the token says cannot be read.
    #[error("the ID token's claims")]
    Claims,
}

/// We, at one provider.
pub(super) struct Party<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) secret: Option<Zeroizing<String>>,
    /// Where the provider sends browsers back to.
    pub(super) redirect_uri: String,
}

impl Party<'_> {
    /// The client that speaks for us.
    pub(super) fn client(&self, metadata: &Metadata) -> Result<Client, Refusal> {
        let id = ClientId::new(self.client_id.to_owned());
        let secret = self.secret.as_ref();
        let secret = secret.map(|secret| ClientSecret::new(secret.to_string()));
        let redirect = RedirectUrl::new(self.redirect_uri.clone());
        let redirect = redirect.map_err(|_| Refusal::Registration)?;
        // What is published decides where there is a choice (Discovery §3).
        let methods = metadata.token_endpoint_auth_methods_supported();
        let basic = methods.is_none_or(|methods| {
            let post = methods.contains(&CoreClientAuthMethod::ClientSecretPost);
            methods.contains(&CoreClientAuthMethod::ClientSecretBasic) || !post
        });
        let how = if basic {
            AuthType::BasicAuth
        } else {
            AuthType::RequestBody
        };
        let client = CoreClient::from_provider_metadata(metadata.clone(), id, secret);
        Ok(client.set_redirect_uri(redirect).set_auth_type(how))
    }

    /// Whom the provider vouches for with this code.
    pub(super) async fn redeem(
        &self,
        inquiry: Inquiry<'_>,
        known: Known,
        code: String,
        secrets: &Secrets,
        now: OffsetDateTime,
    ) -> Result<Person, Refusal> {
        let client = self.client(&known.metadata)?;
        let token = self
            .exchange(inquiry.dialer, &client, code, secrets)
            .await?;
        let nonce = Nonce::new(secrets.nonce.clone());
        match self.verify(&client, &token, &nonce, now) {
            Err(Refusal::Token(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey
                | SignatureVerificationError::CryptoError(_)
                | SignatureVerificationError::AmbiguousKeyId(_),
            ))) => {
                // Its keys may have changed since they were asked for.
                let known = inquiry.newer(self.issuer, known.since).await;
                let known = known.map_err(Refusal::Keys)?;
                let client = self.client(&known.metadata)?;
                self.verify(&client, &token, &nonce, now)
            }
            verified => verified,
        }
    }

    async fn exchange(
        &self,
        dialer: &Dialer,
        client: &Client,
        code: String,
        secrets: &Secrets,
    ) -> Result<CoreIdToken, Refusal> {
        let request = client.exchange_code(AuthorizationCode::new(code));
        let request = request.map_err(|_| Refusal::Registration)?;
        let verifier = PkceCodeVerifier::new(secrets.verifier.clone());
        let caller = Caller::of(dialer, self.issuer);
        let answer = request
            .set_pkce_verifier(verifier)
            .request_async(&caller)
            .await;
        let answer = answer.map_err(|error| match error {
            RequestTokenError::Request(error) => Refusal::Call(error),
            RequestTokenError::ServerResponse(error) => Refusal::Code(error.error().to_string()),
            RequestTokenError::Parse(..) => Refusal::Code("it cannot be read".to_owned()),
            RequestTokenError::Other(_) => Refusal::Code("it is none".to_owned()),
        })?;
        answer.id_token().cloned().ok_or(Refusal::NoToken)
    }

    fn verify(
        &self,
        client: &Client,
        token: &CoreIdToken,
        nonce: &Nonce,
        now: OffsetDateTime,
    ) -> Result<Person, Refusal> {
        let now = now.unix_timestamp();
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_issue_time_verifier_fn(move |issued| {
                let age = now - issued.timestamp();
                let recent = (-SKEW..=AGE + SKEW).contains(&age);
                recent
                    .then_some(())
                    .ok_or_else(|| "not issued just now".to_owned())
            });
        let claims = token.claims(&verifier, nonce).map_err(Refusal::Token)?;
        let party = claims.authorized_party();
        if party.is_some_and(|party| party.as_str() != self.client_id) {
            return Err(Refusal::Party);
        }
        let subject = claims.subject().as_str().to_owned();
        if !(1..=SUBJECT).contains(&subject.len()) {
            return Err(Refusal::Claims);
        }
        let claims = claims_of(token).ok_or(Refusal::Claims)?;
        Ok(Person { subject, claims })
    }
}

/// All claims of a token that was verified.
fn claims_of(token: &CoreIdToken) -> Option<Map<String, Value>> {
    let text = token.to_string();
    let payload = text.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice(&payload).ok()
}

/// None that a client secret could sign with, and not `none`.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 3] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
];
/// Seconds.
const SKEW: i64 = 60;
const AGE: i64 = 600;
const SUBJECT: usize = 255;
