//! What a client gets to hear at its own address: a code when its user agreed, or why there is none.
//! Every answer says whose it is (RFC 9207).

use axum::response::Response;
use time::OffsetDateTime;

use super::{
    browser::{self, SignedIn},
    client::{self, Client},
    code::{self, NewCode},
    consent::memory,
    fault::Code,
    grant::{self, NewGrant},
    guest::{Guest, see_other},
    issuer::Issuer,
    login::Asked,
    redirect::Redirect,
    setback::Setback,
    wish::{Refusal, Wish},
};
use crate::store::{OneTenant, Tx, audit::Entry};

/// Where answers go, and what they repeat.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) redirect: &'a Redirect,
    pub(crate) state: Option<&'a str>,
    pub(crate) issuer: &'a Issuer,
}

impl Answer<'_> {
    /// There is no code.
    pub(crate) fn refuse(&self, (code, description): Refusal) -> Response {
        self.send(&[("error", code.as_str()), ("error_description", description)])
    }

    fn send(&self, params: &[(&str, &str)]) -> Response {
        let mut all = params.to_vec();
        all.extend(self.state.map(|state| ("state", state)));
        all.push(("iss", self.issuer.as_str()));
        see_other(&self.redirect.with(&all))
    }
}

/// Who lets whom in.
#[derive(Clone, Copy)]
pub(crate) struct Approval<'a> {
    pub(crate) guest: &'a Guest,
    pub(crate) client: &'a Client,
    pub(crate) asked: &'a Asked,
    /// Who is signed in for good: [`Guest::signed_in_for_good`].
    pub(crate) user: &'a SignedIn,
    /// When the user was last asked and agreed: now, or the consent that is remembered.
    pub(crate) consented_at: OffsetDateTime,
}

/// Opens a grant and sends its code to the client, in one transaction with whatever the caller did in
/// it.
pub(crate) async fn give(
    approval: Approval<'_>,
    mut tx: Tx<OneTenant>,
) -> Result<Response, Setback> {
    let Approval {
        guest,
        client,
        asked,
        user,
        consented_at,
    } = approval;
    // The client may have given the address up meanwhile.
    let redirect = client.redirect(Some(&asked.redirect_uri));
    let redirect = redirect.ok_or(Setback::Redirect)?;
    let answer = Answer {
        redirect: &redirect,
        state: asked.state.as_deref(),
        issuer: &guest.issuer,
    };
    if Wish::is_admin(&asked.resources) && !user.admin {
        tx.commit_unrecorded().await?;
        let text = "The user has no role for the admin API";
        return Ok(answer.refuse((Code::AccessDenied, text)));
    }
    let uid = client::keep(&mut tx, client).await?;
    let new = NewGrant {
        user: user.user,
        client: uid,
        redirect_origin: &redirect.origin(),
        resources: asked.resources.clone(),
        scopes: asked.scopes.clone(),
        user_agent: &browser::user_agent(&guest.headers),
    };
    let grant = grant::open(&mut tx, &guest.rules, &new).await?;
    let redirects = memory::hash(&client.redirect_uris);
    tx.note_consent(grant, consented_at, &redirects).await?;
    let new = NewCode {
        redirect_uri: &asked.redirect_uri,
        redirect_given: asked.redirect_given,
        code_challenge: &asked.code_challenge,
    };
    let code = code::issue(&mut tx, grant, &new).await?;
    let tenant = tx.tenant().clone();
    tx.act_as(user.name(&tenant));
    let entry = Entry {
        resource: format!("{}/grants/{grant}", tenant.name()),
        before: None,
        after: None,
    };
    tx.commit_recorded(&entry).await?;
    tracing::info!(tenant.id = %tenant.uid, user = user.slug, client.id = %uid, grant.id = %grant, "a client was let in");
    Ok(answer.send(&[("code", &code)]))
}
