//! A person without a screen: follows the pages of the authorization server, signs in, allows what is asked
//! for, and stops where the browser would leave for the client.

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{
    form::{Form, text_of},
    report::Step,
    visit::Visit,
};
use crate::web::{Answer, Ask};

/// Who signs in.
pub(crate) struct Person {
    pub(crate) login: String,
    pub(crate) password: SecretString,
}

/// Where the pages led.
pub(super) enum Led {
    /// Back to the client, with these parameters.
    Back(String),
    /// To a page where somebody is to sign in.
    Page,
    /// Nowhere; the step says why.
    Nowhere,
}

/// A browser: its cookies, and the one origin that they belong to.
struct Browser<'a, 'b> {
    visit: &'a Visit<'b>,
    cookies: Vec<(String, String)>,
}

/// Goes from the authorization request on. Without a person, stops at the first page.
pub(super) async fn go(
    visit: &Visit<'_>,
    step: &mut Step,
    authorize: &str,
    redirect_uri: &str,
    person: Option<&Person>,
) -> Led {
    let mut browser = Browser {
        visit,
        cookies: Vec::new(),
    };
    let Ok(mut at) = authorize.parse::<Url>() else {
        step.problem(
            "`authorization_endpoint` is no URL",
            "set the tenant's host to an origin",
        );
        return Led::Nowhere;
    };
    let mut ask = Ask::get(authorize);
    let mut signed_in = false;
    for _ in 0..MOST_PAGES {
        let Some(answer) = browser.send(step, ask).await else {
            return Led::Nowhere;
        };
        if answer.status.is_redirection() {
            let location = answer.header("location");
            if is_at(location, redirect_uri) {
                let query = location.split_once('?').map_or("", |(_, query)| query);
                return Led::Back(query.to_owned());
            }
            match at.join(location) {
                Ok(next) if next.origin() == at.origin() => at = next,
                _ => {
                    step.problem(
                        format!("the pages lead to {location}, which is neither ours nor the client's"),
                        "sign in with a password, or without --login in a browser: another identity provider cannot be driven",
                    );
                    return Led::Nowhere;
                }
            }
            ask = Ask::get(at.as_str());
            continue;
        }
        let page = answer.text();
        // A login that is refused may have a status of its own, and is the login page again.
        let again = signed_in && Form::all(&page).iter().any(|form| form.has("password"));
        if !answer.status.is_success() && !again {
            trouble(step, &answer, &page);
            return Led::Nowhere;
        }
        let Some(person) = person else {
            return Led::Page;
        };
        let Some(form) = next_form(step, &page, signed_in) else {
            return Led::Nowhere;
        };
        signed_in |= form.has("password");
        let Ok(next) = at.join(&form.action) else {
            step.problem(
                "a form leads nowhere",
                "pass the page on as the controller writes it",
            );
            return Led::Nowhere;
        };
        at = next;
        ask = answered(&form, person, &at);
    }
    step.problem(
        "the pages lead in a circle",
        "let cookies through; the login is kept in them",
    );
    Led::Nowhere
}

/// The form to send, of a login or a consent page.
fn next_form(step: &mut Step, page: &str, signed_in: bool) -> Option<Form> {
    let forms = Form::all(page);
    if let Some(consent) = forms.iter().find(|form| form.has("decision")) {
        return Some(consent.clone());
    }
    let login = forms.into_iter().find(|form| form.has("password"));
    match login {
        Some(form) if !signed_in => Some(form),
        Some(_) => {
            step.problem(
                format!(
                    "the login is refused: {}",
                    text_of(page, "p class=\"problem\"")
                ),
                "check --login and the password; `aldgate user get` shows whether they have one",
            );
            None
        }
        None => {
            step.problem(
                format!("the page “{}” asks for nothing that can be answered here", text_of(page, "title")),
                "allow passwords: aldgate tenant oauth set NAME --passwords true; or leave --login out and use a browser",
            );
            None
        }
    }
}

fn answered(form: &Form, person: &Person, at: &Url) -> Ask {
    let fields = if form.has("decision") {
        form.filled(&[("decision", "allow")])
    } else {
        let password = person.password.expose_secret();
        form.filled(&[("login", &person.login), ("password", password)])
    };
    Ask::form(at.as_str(), fields).header("origin", &at.origin().ascii_serialization())
}

/// What an error page of ours says.
fn trouble(step: &mut Step, answer: &Answer, page: &str) {
    let title = match text_of(page, "h1") {
        title if title.is_empty() => text_of(page, "title"),
        title => title,
    };
    step.problem(
        format!("the authorization page is answered {}: {title}", answer.status.as_u16()),
        "read the page in a browser; redirect URIs are compared exactly, but for the port of this machine's addresses, and blocked clients are refused (aldgate client get)",
    );
}

impl Browser<'_, '_> {
    async fn send(&mut self, step: &mut Step, ask: Ask) -> Option<Answer> {
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let ask = if cookies.is_empty() {
            ask
        } else {
            ask.header("cookie", &cookies.join("; "))
        };
        let answer = self
            .visit
            .ask(step, ask.header("accept", "text/html"))
            .await?;
        for cookie in answer.headers.get_all("set-cookie") {
            let text = cookie.to_str().unwrap_or_default();
            let pair = text.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.retain(|(known, _)| known != name);
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        Some(answer)
    }
}

/// Whether a location is the redirect URI with a query.
fn is_at(location: &str, redirect_uri: &str) -> bool {
    let (place, _) = location.split_once('?').unwrap_or((location, ""));
    let (wanted, _) = redirect_uri.split_once('?').unwrap_or((redirect_uri, ""));
    place == wanted
}

/// Login and consent take four.
const MOST_PAGES: usize = 12;
