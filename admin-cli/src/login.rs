//! Signing in to the admin API as a user of a tenant: with a browser on this machine, or a code that is
//! typed on another. What is issued is kept for the commands that follow.

mod browser;
mod device;
mod issued;
mod kept;
mod server;

use std::time::Duration;

use secrecy::SecretString;

pub(crate) use self::kept::KeptError;
use self::{
    issued::Issued,
    kept::{Kept, Store},
    server::Server,
};
use crate::{
    failure::Failure,
    output::Printer,
    web::{Ask, Web},
};

/// Signs in at the tenant and keeps what is issued. Returns until when the access token is good, in
/// seconds since 1970.
pub(crate) async fn sign_in(
    endpoint: &str,
    tenant_url: Option<&str>,
    device: bool,
    printer: &Printer,
) -> Result<u64, Failure> {
    let store = Store::of(endpoint)?;
    let before = store.read()?;
    let remembered = before.as_ref().map(|kept| kept.issuer.clone());
    let issuer = tenant_url
        .map(str::to_owned)
        .or(remembered)
        .ok_or_else(|| {
            Failure::Usage(
            "--tenant-url: not set; set it or ALDGATE_TENANT_URL to the tenant's public address"
                .into(),
        )
        })?;
    let web = Web::within(BUDGET)?;
    let server = Server::discover(&web, &issuer).await?;
    let tokens = if device {
        device::sign_in(&web, &server, printer).await?
    } else {
        browser::sign_in(&web, &server, printer).await?
    };
    let kept = Kept::of(endpoint, &server, tokens);
    let until = kept.good_until;
    let _lock = store.lock().await?;
    store.write(&kept)?;
    Ok(until)
}

/// Revokes what is kept for the endpoint and forgets it. Whether there was anything.
pub(crate) async fn sign_out(endpoint: &str, printer: &Printer) -> Result<bool, Failure> {
    let store = Store::of(endpoint)?;
    let _lock = store.lock().await?;
    let Some(kept) = store.read()? else {
        return Ok(false);
    };
    store.delete()?;
    // It is forgotten here in any case; that the server does not know is worth a word.
    if let Err(failure) = revoke(&kept).await {
        printer.note(&format!(
            "warning: it could not be revoked at {} and is good until it expires: {failure}",
            kept.issuer
        ));
    }
    Ok(true)
}

/// The access token that is kept for the endpoint, made new if it is about to expire. `None` if nobody
/// signed in.
pub(crate) async fn token(endpoint: &str) -> Result<Option<SecretString>, Failure> {
    let store = Store::of(endpoint)?;
    match store.read()? {
        None => return Ok(None),
        Some(kept) if kept.is_fresh() => return Ok(Some(kept.access_token)),
        Some(_) => {}
    }
    // Two refreshes at once would present one token twice; the second finds what the first wrote.
    let _lock = store.lock().await?;
    let Some(kept) = store.read()? else {
        return Ok(None);
    };
    if kept.is_fresh() {
        return Ok(Some(kept.access_token));
    }
    let issued = refresh(&kept).await?;
    let kept = kept.renewed(issued);
    store.write(&kept)?;
    Ok(Some(kept.access_token))
}

async fn refresh(kept: &Kept) -> Result<Issued, Failure> {
    let refresh_token = kept.refresh_token()?;
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
        ("client_id", CLIENT),
        ("resource", RESOURCE),
    ];
    let web = Web::within(BUDGET)?;
    let answer = web.send(&Ask::form(&kept.token_endpoint, fields)).await?;
    Issued::read(&answer)
}

async fn revoke(kept: &Kept) -> Result<(), Failure> {
    let Some(endpoint) = &kept.revocation_endpoint else {
        return Ok(());
    };
    let fields = [("token", kept.best_token()), ("client_id", CLIENT)];
    let web = Web::within(BUDGET)?;
    let answer = web.send(&Ask::form(endpoint, fields)).await?;
    if answer.status.is_success() {
        return Ok(());
    }
    Err(issued::refusal(&answer))
}

/// What we are called at every tenant's authorization server.
const CLIENT: &str = "aldgate-cli";
/// What we ask for.
const SCOPE: &str = "aldgate:admin";
/// What it opens.
const RESOURCE: &str = "urn:aldgate:admin";
const BUDGET: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
