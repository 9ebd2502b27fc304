//! A browser in front of one of our pages: whose pages they are, what it sent, and the way back to a
//! page whatever goes wrong. Pages are at the canonical origin alone, because their cookies are.

use axum::{
    extract::{FromRequestParts, Request},
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, LOCATION, SET_COOKIE},
    request::Parts,
};
use uuid::Uuid;

use super::{
    attempts,
    browser::{self, BROWSER, Secret, SignedIn},
    client::{Client, NoClient, Seeker},
    issuer::{Found, Issuer},
    pages::Look,
    params::Params,
    rules::Rules,
    setback::Setback,
};
use crate::{
    auth::{Desk, Visit, visit},
    store::{OneTenant, StoreError, Tx},
};

/// Who asks for a page, and whose.
pub(crate) struct Guest {
    pub(crate) desk: Desk,
    pub(crate) visit: Visit,
    pub(crate) headers: HeaderMap,
    pub(crate) issuer: Issuer,
    pub(crate) rules: Rules,
    pub(crate) look: Look,
}

impl FromRequestParts<Desk> for Guest {
    type Rejection = Setback;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Setback> {
        let visit = parts.extensions.get::<Visit>().cloned();
        let visit = visit.ok_or(Setback::NoTenant)?;
        let tx = desk.enter(&visit, "oauth.page").await?;
        let tx = tx.ok_or(Setback::NoTenant)?;
        let rules = Rules::of(tx.oauth_settings()?);
        let issuer = Issuer::of(tx.tenant(), &visit);
        // HEAD as well as GET: whoever asks where a page is begins nothing at an alias.
        if parts.method.is_safe() && issuer.found() != &Found::Canonical {
            let path = parts.uri.path_and_query();
            let path = path.map_or("/", http::uri::PathAndQuery::as_str);
            return Err(Setback::Elsewhere(issuer.url(path)));
        }
        let look = Look::of(tx.tenant(), &rules, &issuer);
        Ok(Self {
            desk: desk.clone(),
            visit,
            headers: parts.headers.clone(),
            issuer,
            rules,
            look,
        })
    }
}

impl Guest {
    /// A transaction on the tenant's rows; `action` is for the record.
    pub(crate) async fn enter(&self, action: &str) -> Result<Tx<OneTenant>, Setback> {
        let tx = self.desk.enter(&self.visit, action).await?;
        tx.ok_or(Setback::NoTenant)
    }

    /// The client of this id.
    pub(crate) async fn client(&self, client_id: &str) -> Result<Client, NoClient> {
        let seeker = Seeker {
            desk: &self.desk,
            visit: &self.visit,
            issuer: &self.issuer,
            rules: &self.rules,
        };
        seeker.find(client_id).await
    }

    /// Who is signed in.
    pub(crate) async fn signed_in(
        &self,
        tx: &mut Tx<OneTenant>,
    ) -> Result<Option<SignedIn>, StoreError> {
        browser::signed_in(tx, &self.issuer, &self.headers).await
    }

    /// Who is signed in, and stays so until the transaction ends.
    pub(crate) async fn signed_in_for_good(
        &self,
        tx: &mut Tx<OneTenant>,
    ) -> Result<Option<SignedIn>, StoreError> {
        browser::signed_in_for_good(tx, &self.issuer, &self.headers).await
    }

    /// What it asks for, or the page that says why not.
    pub(crate) fn answer(&self, result: Result<Response, Setback>) -> Response {
        result.unwrap_or_else(|setback| setback.response(Some(self.look.clone())))
    }

    /// A form that was filled in on one of our pages.
    pub(crate) async fn form(&self, request: Request) -> Result<Params, Setback> {
        if self.issuer.found() != &Found::Canonical {
            return Err(Setback::Form);
        }
        params(&body(request).await?)
    }

    /// Whether the form is one that we gave to this browser, about this.
    pub(crate) fn check_form(&self, about: &str, form: &Params) -> Result<(), Setback> {
        let presented = form.get("csrf");
        browser::csrf_holds(&self.issuer, &self.headers, about, presented)
            .then_some(())
            .ok_or(Setback::Form)
    }

    /// The secret that forms are bound to; the browser may have to be given it, see [`Bound::give`].
    pub(crate) fn bound(&self) -> Bound {
        if let Some(secret) = Secret::of(&self.issuer, &self.headers, BROWSER) {
            return Bound { secret, new: None };
        }
        let secret = Secret::generate();
        let new = Some(secret.cookie(&self.issuer, BROWSER));
        Bound { secret, new }
    }

    /// Whether it sent any of our cookies.
    pub(crate) fn has_cookies(&self) -> bool {
        [BROWSER, browser::SESSION]
            .iter()
            .any(|cookie| Secret::of(&self.issuer, &self.headers, cookie).is_some())
    }

    /// The network that it is in.
    pub(crate) fn network(&self) -> String {
        attempts::network(self.visit.peer.ip())
    }
}

/// What binds forms and logins to a browser.
pub(crate) struct Bound {
    pub(crate) secret: Secret,
    new: Option<HeaderValue>,
}

impl Bound {
    /// The response, which gives the browser the secret where it had none.
    pub(crate) fn give(self, mut response: Response) -> Response {
        if let Some(cookie) = self.new {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}

/// The body of a form.
pub(crate) async fn body(request: Request) -> Result<bytes::Bytes, Setback> {
    let essence = visit::only(request.headers(), CONTENT_TYPE.as_str())
        .and_then(|value| value.split(';').next())
        .map_or("", str::trim);
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Setback::Malformed);
    }
    let body = visit::body(request).await;
    body.map(|(_, body)| body).map_err(|_| Setback::TooLarge)
}

/// The parameters in a query or a form.
pub(crate) fn params(text: &[u8]) -> Result<Params, Setback> {
    if text.len() > LONGEST {
        return Err(Setback::TooLarge);
    }
    Ok(Params::parse(text)?)
}

/// The login transaction that a page is about.
pub(crate) fn transaction_id(params: &Params) -> Result<Uuid, Setback> {
    let text = params.get("t").ok_or(Setback::NoTransaction)?;
    text.parse().map_err(|_| Setback::NoTransaction)
}

/// Sends a browser on; its next request is a GET, whatever this one was (RFC 9700 §4.12).
pub(crate) fn see_other(to: &str) -> Response {
    redirect(StatusCode::SEE_OTHER, to)
}

/// A response with this status that leads there. Callers pass what was read as a URL.
pub(super) fn redirect(status: StatusCode, to: &str) -> Response {
    match HeaderValue::try_from(to) {
        Ok(to) => (status, [(LOCATION, to)]).into_response(),
        Err(_) => Setback::Malformed.response(None),
    }
}

/// Enough for a request with a state of 8 KiB, however it is encoded.
const LONGEST: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_text_holds_and_what_is_too_long_is_refused() {
        let params = |text: &str| params(text.as_bytes());
        assert_eq!(params("a=b%01").unwrap().get("a"), Some("b\u{1}"));
        assert!(matches!(params("a=b%00"), Err(Setback::Malformed)));
        assert!(matches!(params("a=b\0"), Err(Setback::Malformed)));
        assert!(matches!(params("a=1&a=2"), Err(Setback::Repeated(_))));
        let long = format!("state={}", "x".repeat(LONGEST));
        assert!(matches!(params(&long), Err(Setback::TooLarge)));
    }
}
