//! A call of an endpoint for programs: a form from a client that proved who it is.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue,
    header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA},
};
use time::Duration;

use super::{
    client::{self, Client, Seeker},
    fault::{Code, Fault},
    issuer::Issuer,
    params::Params,
    rules::Rules,
};
use crate::{
    auth::{
        Desk, Visit,
        visit::{body, only},
    },
    store::{OneTenant, StoreError, Tx, tenant::Tenant},
};

/// What came, from whom, and to whose authorization server.
pub(super) struct Call {
    pub(super) desk: Desk,
    /// The tenant as it was when issuer and rules were read. Where a document had to be had, that is
    /// another transaction than the one that goes on.
    pub(super) tenant: Tenant,
    pub(super) issuer: Issuer,
    pub(super) rules: Rules,
    pub(super) client: Client,
    pub(super) params: Params,
}

/// A form as it came.
pub(super) struct Form {
    pub(super) headers: HeaderMap,
    pub(super) params: Params,
}

impl Form {
    /// Reads a request.
    pub(super) async fn read(request: Request) -> Result<Self, Fault> {
        let (parts, body) = body(request).await.map_err(|_| {
            let text = "The request is too large, or was cut off";
            Fault::new(Code::InvalidRequest, text)
        })?;
        let params = params(&parts.headers, &body)?;
        Ok(Self {
            headers: parts.headers,
            params,
        })
    }
}

impl Call {
    /// Finds out whose request it is. The transaction in which that was found out, if it could stay
    /// open, or the next, goes on as `action`, and the client is who acts in it.
    pub(super) async fn begin(
        desk: Desk,
        visit: Visit,
        form: Form,
        action: &str,
    ) -> Result<(Self, Tx<OneTenant>), Fault> {
        let Form { headers, params } = form;
        let tx = enter(&desk, &visit, action).await?;
        let tenant = tx.tenant().clone();
        let issuer = Issuer::of(&tenant, &visit);
        let rules = Rules::of(tx.oauth_settings()?);
        let seeker = Seeker {
            desk: &desk,
            visit: &visit,
            issuer: &issuer,
            rules: &rules,
        };
        let found = client::authenticate(seeker, tx, &headers, &params);
        let (client, tx) = found.await?;
        let mut tx = match tx {
            Some(tx) => tx,
            None => enter(&desk, &visit, action).await?,
        };
        let slug = client.slug.as_deref().unwrap_or(&client.client_id);
        tx.act_as(format!("{}/clients/{slug}", tx.tenant().name()));
        let call = Self {
            desk,
            tenant,
            issuer,
            rules,
            client,
            params,
        };
        Ok((call, tx))
    }

    /// Notes that the client gets a token; often enough to show when, and no more.
    pub(super) async fn note_use(&self, tx: &mut Tx<OneTenant>) -> Result<(), StoreError> {
        let noted = self.client.last_used_at;
        match self.client.uid {
            Some(uid) if noted.is_none_or(|at| tx.time() - at >= NOTED_EVERY) => {
                tx.note_client_used(uid).await
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The value of a parameter that must be there.
    pub(super) fn required(&self, name: &'static str) -> Result<&str, Fault> {
        let value = self.params.get(name);
        value.ok_or_else(|| Fault::new(Code::InvalidRequest, format!("{name} is missing")))
    }

    /// Refuses a client that may not ask for tokens in this way.
    pub(super) fn must_be_allowed(&self, grant_type: &str) -> Result<(), Fault> {
        if self.client.may(grant_type) {
            return Ok(());
        }
        let text = "This client is not registered for this grant_type";
        Err(Fault::new(Code::UnauthorizedClient, text))
    }
}

/// An answer that nobody keeps (TOK-5).
pub(super) fn answer(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

async fn enter(desk: &Desk, visit: &Visit, action: &str) -> Result<Tx<OneTenant>, Fault> {
    let tx = desk.enter(visit, action).await?;
    tx.ok_or_else(|| Fault::new(Code::InvalidRequest, "No authorization server is here"))
}

/// TOK-1: a form and nothing else.
fn params(headers: &HeaderMap, body: &[u8]) -> Result<Params, Fault> {
    let essence = only(headers, CONTENT_TYPE.as_str())
        .and_then(|value| value.split(';').next())
        .map_or("", str::trim);
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let text = "Send the parameters as application/x-www-form-urlencoded";
        return Err(Fault::new(Code::InvalidRequest, text));
    }
    Ok(Params::parse(body)?)
}

/// As in `rotate_as_expected`.
const NOTED_EVERY: Duration = Duration::minutes(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// TOK-1.
    #[test]
    fn parameters_come_as_a_form() {
        let read = |kind: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(kind) = kind {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            }
            params(&headers, b"a=1")
        };
        for good in [
            "application/x-www-form-urlencoded",
            "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
        ] {
            assert_eq!(read(Some(good)).unwrap().get("a"), Some("1"));
        }
        for bad in [None, Some("application/json"), Some("text/plain")] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
