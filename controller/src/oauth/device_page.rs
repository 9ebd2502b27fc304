//! `/device` (RFC 8628 §3.3): where the code that a device shows is typed in, and then confirmed. Only
//! who is signed in may try codes, and only slowly; a link can fill the code in but decides nothing
//! (A38).

use axum::{
    Router,
    extract::{RawQuery, Request},
    response::Response,
    routing::get,
};

use super::{
    attempts::{self, Pace},
    browser::{self, SignedIn},
    device::{self, Pending},
    guest::{self, Guest},
    login::{self, Purpose},
    pages::{
        ClientShown, DeviceConfirm, DeviceEntry, DeviceProblem, Done, Permission, Reach, Trouble,
    },
    setback::Setback,
    wish::Wish,
};
use crate::{
    auth::Desk,
    store::{OneTenant, StoreError, Tx, audit::Entry},
};

/// The routes of this noun.
pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/device", get(show).post(submit))
}

async fn show(guest: Guest, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    guest.answer(shown(&guest, &query).await)
}

async fn shown(guest: &Guest, query: &str) -> Result<Response, Setback> {
    let params = guest::params(query.as_bytes())?;
    let code = params.get("user_code").map(shortened);
    let mut tx = guest.enter("oauth.device").await?;
    let Some(user) = guest.signed_in(&mut tx).await? else {
        let purpose = Purpose::Device { user_code: code };
        return login::begin(guest, tx, &purpose, "/login").await;
    };
    tx.commit_unrecorded().await?;
    Ok(entry(guest, &user, code.unwrap_or_default(), None))
}

async fn submit(guest: Guest, request: Request) -> Response {
    guest.answer(submitted(&guest, request).await)
}

async fn submitted(guest: &Guest, request: Request) -> Result<Response, Setback> {
    let form = guest.form(request).await?;
    let code = shortened(form.get("user_code").unwrap_or_default());
    let mut tx = guest.enter("oauth.device").await?;
    let Some(user) = guest.signed_in(&mut tx).await? else {
        let purpose = Purpose::Device {
            user_code: Some(code),
        };
        return login::begin(guest, tx, &purpose, "/login").await;
    };
    guest.check_form(&about(&user), &form)?;
    let decision = form.get("decision").map(Decision::read).transpose()?;
    let tried = attempt(guest, &mut tx, &user, &code).await?;
    tx.commit_unrecorded().await?;
    let pending = match tried {
        Ok(pending) => pending,
        Err(problem) => return Ok(entry(guest, &user, code, Some(problem))),
    };
    let client = guest.client(&pending.client_id).await?;
    if let Some(decision) = decision {
        return decide(guest, &user, &code, &pending, decision).await;
    }
    let bound = guest.bound();
    let page = DeviceConfirm {
        look: guest.look.clone(),
        csrf: bound.secret.csrf(&about(&user)),
        user: user.shown(),
        code,
        client: ClientShown::of(&client),
        peer: pending.peer,
        reach: Reach::of(&guest.issuer, &pending.resources),
        permissions: Permission::of(&guest.rules, &pending.scopes),
    };
    Ok(bound.give(page.response()))
}

/// What somebody says of a device.
#[derive(Debug, Clone, Copy)]
enum Decision {
    Allow,
    Deny,
}

impl Decision {
    fn read(text: &str) -> Result<Self, Setback> {
        match text {
            "allow" => Ok(Self::Allow),
            "deny" => Ok(Self::Deny),
            _ => Err(Setback::Malformed),
        }
    }
}

/// Who waits with this code. Every try counts before it is known what comes of it, and stops counting
/// when it was right.
async fn attempt(
    guest: &Guest,
    tx: &mut Tx<OneTenant>,
    user: &SignedIn,
    code: &str,
) -> Result<Result<Pending, DeviceProblem>, StoreError> {
    let (user, network) = (user.user.to_string(), guest.network());
    let counted: [(&[&str], Pace); 3] = [
        (&["device code of user", &user], OF_A_USER),
        (&["device code of network", &network], OF_A_NETWORK),
        (&["device codes"], OF_A_TENANT),
    ];
    for (what, pace) in counted {
        if let Some(seconds) = attempts::count(tx, what, pace).await? {
            return Ok(Err(DeviceProblem::Slow(seconds)));
        }
    }
    let Some(pending) = device::pending(tx, code).await? else {
        return Ok(Err(DeviceProblem::Unknown));
    };
    for (what, _) in counted {
        attempts::forgive(tx, what).await?;
    }
    Ok(Ok(pending))
}

async fn decide(
    guest: &Guest,
    user: &SignedIn,
    code: &str,
    pending: &Pending,
    decision: Decision,
) -> Result<Response, Setback> {
    let look = guest.look.clone();
    if matches!(decision, Decision::Allow) && Wish::is_admin(&pending.resources) && !user.admin {
        let trouble = Trouble {
            look: Some(look),
            status: http::StatusCode::FORBIDDEN,
            title: "Not yours to give".to_owned(),
            text: "This device asks for administration, and you are no administrator.".to_owned(),
            next: vec!["Ask your administrator.".to_owned()],
            correlation: None,
        };
        return Ok(trouble.response());
    }
    let mut tx = guest.enter("oauth.device").await?;
    let still = guest.signed_in_for_good(&mut tx).await?;
    if still.is_none_or(|still| still.user != user.user) {
        let purpose = Purpose::Device {
            user_code: Some(code.to_owned()),
        };
        return login::begin(guest, tx, &purpose, "/login").await;
    }
    let (done, title, text) = match decision {
        Decision::Allow => {
            tx.note_granted(pending.client).await?;
            tx.hold_client(pending.client).await?;
            let agent = browser::user_agent(&guest.headers);
            let done = device::approve(&mut tx, &guest.rules, code, user.user, &agent).await?;
            (
                done,
                "Device connected",
                "Go back to it: it goes on by itself.",
            )
        }
        Decision::Deny => {
            let done = device::deny(&mut tx, code).await?;
            (done, "Device not connected", "It gets nothing.")
        }
    };
    if !done {
        let problem = Some(DeviceProblem::Unknown);
        return Ok(entry(guest, user, code.to_owned(), problem));
    }
    let tenant = tx.tenant().clone();
    tx.act_as(user.name(&tenant));
    let recorded = Entry {
        resource: format!("{}/clients/{}", tenant.name(), pending.client),
        before: None,
        after: None,
    };
    tx.commit_recorded(&recorded).await?;
    tracing::info!(tenant.id = %tenant.uid, user = user.slug, ?decision, "a device was decided on");
    let done = Done {
        look,
        title: title.to_owned(),
        text: text.to_owned(),
    };
    Ok(done.response())
}

fn entry(guest: &Guest, user: &SignedIn, code: String, problem: Option<DeviceProblem>) -> Response {
    let bound = guest.bound();
    let page = DeviceEntry {
        look: guest.look.clone(),
        csrf: bound.secret.csrf(&about(user)),
        user: user.shown(),
        code,
        problem,
    };
    bound.give(page.response())
}

/// What the forms of this page are about.
fn about(user: &SignedIn) -> String {
    format!("device {}", user.user)
}

fn shortened(code: &str) -> String {
    code.chars().take(LONGEST).collect()
}

/// A38: five tries, then slower and slower.
const OF_A_USER: Pace = Pace {
    free: 5,
    first: 30,
    most: 3600,
};
const OF_A_NETWORK: Pace = Pace {
    free: 50,
    first: 10,
    most: 600,
};
const OF_A_TENANT: Pace = Pace {
    free: 1000,
    first: 1,
    most: 60,
};
/// No code is longer, however it is spaced.
const LONGEST: usize = 32;
