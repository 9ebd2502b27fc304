//! `POST /token` (RFC 6749 §3.2): the four ways to get an access token. What is wrong with a request
//! never consumes a code nor rotates a token; only the second use of either ends a grant.

use axum::{
    Extension, Json, Router,
    extract::{Request, State},
    response::Response,
    routing::post,
};
use serde::Serialize;

use super::{
    call::{self, Call, Form},
    client::{AUTHORIZATION_CODE, CLIENT_CREDENTIALS, DEVICE_CODE, REFRESH_TOKEN},
    fault::{Code, Fault},
};
use crate::auth::{Desk, Visit};

/// With an authorization code.
mod exchange;

/// With a refresh token.
mod refresh;

/// With a refresh token, where everything is as it was.
pub(crate) mod shortcut;

/// For the client itself.
mod own;

/// With a device code.
mod poll;

/// Who acts with a token.
mod bearer;

/// The tokens themselves.
mod mint;

/// What a client is given.
#[derive(Debug, Serialize)]
struct Issued {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    scope: String,
}

/// The route of this noun.
pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/token", post(issue))
}

async fn issue(
    State(desk): State<Desk>,
    Extension(visit): Extension<Visit>,
    request: Request,
) -> Result<Response, Fault> {
    let form = Form::read(request).await?;
    let issued = match shortcut::issue(&desk, &visit, &form).await? {
        Some(issued) => issued,
        // In a box, so that those who do not come here do not carry its room about.
        None => Box::pin(long_way(desk, visit, form)).await?,
    };
    Ok(call::answer(Json(issued)))
}

/// Step by step, in one transaction.
async fn long_way(desk: Desk, visit: Visit, form: Form) -> Result<Issued, Fault> {
    let (call, tx) = Call::begin(desk, visit, form, "oauth.token").await?;
    let grant_type = call.required("grant_type")?;
    match grant_type {
        AUTHORIZATION_CODE => exchange::issue(&call, tx).await,
        REFRESH_TOKEN => refresh::issue(&call, tx).await,
        CLIENT_CREDENTIALS => own::issue(&call, tx).await,
        DEVICE_CODE => poll::issue(&call, tx).await,
        _ => {
            let text = "No such grant_type";
            Err(Fault::new(Code::UnsupportedGrantType, text))
        }
    }
}

/// The one answer to everything that is wrong with a code or a refresh token: nobody learns which.
fn invalid_grant() -> Fault {
    Fault::new(Code::InvalidGrant, "Not valid, or not valid any more")
}

#[cfg(test)]
mod tests {
    use http::header::{CACHE_CONTROL, PRAGMA};

    use super::*;

    /// TOK-6, §3.3: no nulls.
    #[test]
    fn what_there_is_none_of_is_left_out() {
        let issued = Issued {
            access_token: "a".into(),
            token_type: "Bearer",
            expires_in: 3600,
            refresh_token: None,
            scope: "mcp".into(),
        };
        assert_eq!(
            serde_json::to_string(&issued).unwrap(),
            r#"{"access_token":"a","token_type":"Bearer","expires_in":3600,"scope":"mcp"}"#
        );
        let answer = call::answer(Json(issued));
        assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(answer.headers()[PRAGMA], "no-cache");
    }
}
