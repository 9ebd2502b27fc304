//! `POST /revoke` (RFC 7009): a client gives back what it has. A refresh token ends its grant with all
//! access tokens; an access token ends itself, and after a few of them the grant, too: every node has to
//! remember each. What is not the client's, or nothing, is answered alike.

use axum::{
    Extension, Router,
    extract::{Request, State},
    response::Response,
    routing::post,
};
use http::StatusCode;
use proto::{id::GrantUid, sync::v1::RevocationKind};
use token::{RefreshToken, access::AccessToken};

use super::{
    call::{self, Call, Form},
    fault::Fault,
    grant, rules, standing,
};
use crate::{
    auth::{Desk, Visit},
    store::{
        OneTenant, Tx,
        audit::Entry,
        revocation::{Revoked, Until},
    },
};

/// The route of this noun.
pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/revoke", post(revoke))
}

async fn revoke(
    State(desk): State<Desk>,
    Extension(visit): Extension<Visit>,
    request: Request,
) -> Result<Response, Fault> {
    let (call, mut tx) =
        Call::begin(desk, visit, Form::read(request).await?, "oauth.revoke").await?;
    let text = call.required("token")?;
    // REV-4: what it is shows in the text; a hint could only be wrong.
    if let Ok(sha256) = RefreshToken::lookup(text) {
        let family = tx.lock_family(&sha256).await?;
        let own = family.filter(|family| Some(family.grant.client) == call.client.uid);
        if let Some(family) = own {
            end_grant(tx, family.grant.uid).await?;
        }
    } else {
        let token = standing::read(&mut tx, call.issuer.as_str(), text).await?;
        let own = token.filter(|token| *token.client == *call.client.client_id);
        if let Some(token) = own {
            end_token(tx, &token).await?;
        }
    }
    Ok(call::answer(StatusCode::OK))
}

/// REV-3.
async fn end_grant(mut tx: Tx<OneTenant>, grant: GrantUid) -> Result<(), Fault> {
    if grant::revoke(&mut tx, grant, "client").await? {
        let entry = entry(format!("{}/grants/{grant}", tx.tenant().name()));
        tx.commit_recorded(&entry).await?;
    }
    Ok(())
}

async fn end_token(mut tx: Tx<OneTenant>, token: &AccessToken) -> Result<(), Fault> {
    if standing::holder(&mut tx, token).await?.is_none() {
        return Ok(());
    }
    let life = rules::revocation_life_of(token.expires, tx.time());
    if let Some(grant) = token.grant
        && tx.count_revoked_token(grant, tx.time() + life).await? > MOST_TOKENS
    {
        return end_grant(tx, grant).await;
    }
    tx.revoke(Revoked {
        kind: RevocationKind::Token,
        id: token.id.to_string(),
        until: Until::Ever,
        life,
    });
    let entry = entry(format!("{}/tokens/{}", tx.tenant().name(), token.id));
    tx.commit_recorded(&entry).await?;
    Ok(())
}

fn entry(resource: String) -> Entry {
    Entry {
        resource,
        before: None,
        after: None,
    }
}

/// So many access tokens of a grant are revoked one by one at a time.
const MOST_TOKENS: i32 = 8;
