//! `POST /sessions`: a tenant's backend exchanges its API key for a short-lived token of one of its
//! users (S2-9, S2-10). The token opens no more than the key does, and each is recorded.

use std::time::SystemTime;

use axum::{
    Extension, Json, Router,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
    routing::post,
};
use http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use policy::Scopes;
use proto::id::ServerUid;
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use token::{
    ApiKey,
    session::{self, SessionToken},
};
use uuid::Uuid;

use self::wish::Wish;
use super::{
    Desk,
    problem::Problem,
    visit::{self, Visit},
};
use crate::{
    error::Error,
    lease,
    store::{
        Author, OneTenant, StoreError, Tx,
        audit::Entry,
        revocation::dated,
        session::{MintingKey, Standing},
    },
};

/// What a request asks for.
mod wish;

/// The routes of this noun.
pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/sessions", post(create))
}

async fn create(
    State(desk): State<Desk>,
    Extension(visit): Extension<Visit>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = visit::body(request).await?;
    let hash = presented(&parts.headers)?;
    let (mut tx, key) = enter(&desk, &visit, &hash).await?;
    let wish = Wish::read(&parts.headers, &body)?;
    wish.check_scopes(&scopes_of(&key)?)?;
    let servers = servers(&mut tx, &key, &wish).await?;

    let now = tx.time();
    let id = dated(tx.moment().await?);
    let token = token(&tx, id, &key, wish, servers);
    let keys = tx.tenant_keys().await?;
    let sealing = SystemTime::from(now);
    let cipher = lease::sealing_key(&desk.vault, token.tenant, &keys, sealing)?;
    let text = session::mint(&token, &cipher);
    if text.len() > LONGEST {
        return Err(Problem::Json(
            "the session would not fit into a header; name fewer roles, scopes and servers".into(),
        ));
    }
    record(tx, &key, &token).await?;
    let expires = OffsetDateTime::from(token.expires);
    let body = json!({
        "token": text,
        "token_type": "Bearer",
        "expires_in": (expires - now).whole_seconds(),
        "expires_at": expires.format(&Rfc3339).expect("years of four digits"),
        "user": token.user,
    });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// The hash of the one key in `Authorization: Bearer mcp_sk_…`.
fn presented(headers: &HeaderMap) -> Result<[u8; 32], Problem> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let line = match (lines.next(), lines.next()) {
        (None, _) => return Err(Problem::NoCredential),
        (Some(_), Some(_)) => return Err(Problem::TwoCredentials),
        (Some(line), None) => line,
    };
    let text = line.to_str().map_err(|_| Problem::InvalidCredential)?;
    match text.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => {
            ApiKey::lookup(key).map_err(|_| Problem::InvalidCredential)
        }
        _ => Err(Problem::InvalidCredential),
    }
}

/// A transaction of the key's, if it is one of the tenant's that counts. No tenant at this address
/// and no such key look alike.
async fn enter(
    desk: &Desk,
    visit: &Visit,
    hash: &[u8; 32],
) -> Result<(Tx<OneTenant>, MintingKey), Problem> {
    let author = Author {
        actor: String::new(),
        token: None,
        request: visit.id,
        peer: visit.peer.to_string(),
        action: "sessions.create".to_owned(),
    };
    let tx = desk.store.tenant_at(author, &visit.place).await?;
    let mut tx = tx.ok_or(Problem::InvalidCredential)?;
    let key = tx.minting_key(hash).await?;
    let key = key.ok_or(Problem::InvalidCredential)?;
    match key.standing(tx.time()) {
        Standing::Good => {}
        Standing::Disabled => return Err(Problem::InvalidCredential),
        Standing::Expired => return Err(Problem::Expired),
    }
    tx.act_as(format!("{}/keys/{}", tx.tenant().name(), key.slug));
    Ok((tx, key))
}

fn scopes_of(key: &MintingKey) -> Result<Scopes, Problem> {
    Scopes::parse(&key.scopes).map_err(|_| {
        Problem::Inside(Error::Store(StoreError::Inconsistent {
            table: "api_keys",
            column: "scopes",
            row: key.uid.uuid(),
        }))
    })
}

/// The servers that the session names. One that the key does not open is like one that is not there.
async fn servers(
    tx: &mut Tx<OneTenant>,
    key: &MintingKey,
    wish: &Wish,
) -> Result<Option<Box<[ServerUid]>>, Problem> {
    let Some(names) = &wish.servers else {
        return Ok(None);
    };
    let opened = tx.servers_opened(key, names).await?;
    let find = |(place, name): (usize, &String)| {
        let found = opened.iter().find(|(slug, _)| slug == name);
        found.map(|&(_, uid)| uid).ok_or_else(|| {
            let text = "must name a server that the API key opens";
            Problem::beyond(format!("servers[{place}]"), text)
        })
    };
    names
        .iter()
        .enumerate()
        .map(find)
        .collect::<Result<_, _>>()
        .map(Some)
}

fn token(
    tx: &Tx<OneTenant>,
    id: Uuid,
    key: &MintingKey,
    wish: Wish,
    servers: Option<Box<[ServerUid]>>,
) -> SessionToken {
    // Whole seconds, as the token has them.
    let issued = tx.time().replace_nanosecond(0).expect("zero is one");
    let wished = issued + wish.lifetime;
    // Nor longer than the secret that it was made with.
    let ends = [key.expires_at, key.secret_until].into_iter().flatten();
    let expires = ends.fold(wished, OffsetDateTime::min);
    let expires = expires.replace_nanosecond(0).expect("zero is one");
    SessionToken {
        tenant: tx.tenant().uid,
        key: key.uid,
        user: wish.user.into(),
        roles: wish.roles,
        groups: Box::default(),
        servers,
        scopes: wish.scopes.unwrap_or_default(),
        issued: issued.into(),
        expires: expires.into(),
        id,
    }
}

async fn record(tx: Tx<OneTenant>, key: &MintingKey, token: &SessionToken) -> Result<(), Problem> {
    let tenant = tx.tenant().uid;
    let entry = Entry {
        resource: format!(
            "{}/users/{}/sessions/{}",
            tx.tenant().name(),
            token.user,
            token.id
        ),
        before: None,
        after: None,
    };
    tx.commit_recorded(&entry).await?;
    tracing::info!(tenant.id = %tenant, key = key.slug, session.id = %token.id, "session made");
    Ok(())
}

/// Gateways take header lines of at most 8 KiB.
const LONGEST: usize = 7 << 10;
