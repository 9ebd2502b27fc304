//! What a browser brings: a cookie that binds what it began to it, a session cookie once somebody is
//! signed in, and the proof that a form was ours. The cookies' values are secrets; the database has
//! their hashes.

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, ORIGIN, USER_AGENT},
};
use proto::id::UserUid;
use time::OffsetDateTime;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{issuer::Issuer, said};
use crate::store::{
    OneTenant, StoreError, Tx,
    browser_session::{BrowserSession, LIFE},
    tenant::Tenant,
};

/// Who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    pub(crate) user: UserUid,
    /// The last segment of the user's name.
    pub(crate) slug: String,
    pub(crate) login: String,
    pub(crate) display_name: String,
    /// Whether the user may call the admin API at all.
    pub(crate) admin: bool,
    pub(crate) auth_time: OffsetDateTime,
}

impl SignedIn {
    /// The user's name as a resource.
    pub(crate) fn name(&self, tenant: &Tenant) -> String {
        format!("{}/users/{}", tenant.name(), self.slug)
    }

    /// As whom the page says that somebody is signed in.
    pub(crate) fn shown(&self) -> String {
        match said::clean(&self.display_name, LONGEST_NAME) {
            Some(name) if name != self.login => format!("{name} ({})", self.login),
            _ => self.login.clone(),
        }
    }
}

impl From<BrowserSession> for SignedIn {
    fn from(session: BrowserSession) -> Self {
        Self {
            user: session.user,
            slug: session.slug,
            login: session.login,
            display_name: session.display_name,
            admin: session.admin_role != "none",
            auth_time: session.auth_time,
        }
    }
}

/// Who is signed in, as the session cookie says.
pub(crate) async fn signed_in(
    tx: &mut Tx<OneTenant>,
    issuer: &Issuer,
    headers: &HeaderMap,
) -> Result<Option<SignedIn>, StoreError> {
    let Some(secret) = Secret::of(issuer, headers, SESSION) else {
        return Ok(None);
    };
    let sha256 = secret.sha256();
    let Some(session) = tx.browser_session(&sha256).await? else {
        return Ok(None);
    };
    tx.see_browser_session(&sha256).await?;
    Ok(Some(session.into()))
}

/// Who is signed in, as the session cookie says, and stays so until the transaction ends: for what
/// outlives the session. Whoever disables the user or revokes what is theirs ends their sessions, and has
/// done so already, or waits.
pub(crate) async fn signed_in_for_good(
    tx: &mut Tx<OneTenant>,
    issuer: &Issuer,
    headers: &HeaderMap,
) -> Result<Option<SignedIn>, StoreError> {
    let Some(secret) = Secret::of(issuer, headers, SESSION) else {
        return Ok(None);
    };
    let Some(session) = tx.browser_session(&secret.sha256()).await? else {
        return Ok(None);
    };
    tx.hold_user(session.user).await?;
    signed_in(tx, issuer, headers).await
}

/// Whether a form was filled in on a page that we gave this browser, about this. What browsers say of
/// where a form comes from must not speak against it; `null` says nothing.
pub(crate) fn csrf_holds(
    issuer: &Issuer,
    headers: &HeaderMap,
    about: &str,
    presented: Option<&str>,
) -> bool {
    let (Some(browser), Some(presented)) = (Secret::of(issuer, headers, BROWSER), presented) else {
        return false;
    };
    let expected = browser.csrf(about);
    let same = verify_slices_are_equal(expected.as_bytes(), presented.as_bytes()).is_ok();
    same && same_origin(issuer, headers)
}

fn same_origin(issuer: &Issuer, headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter();
    origins.all(|origin| origin == "null" || origin == issuer.origin())
}

/// What the csrf of a transaction's pages is about.
pub(crate) fn of_transaction(transaction: Uuid) -> String {
    format!("csrf {transaction}")
}

/// The secret in one of our cookies.
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    /// A new one.
    pub(crate) fn generate() -> Self {
        Self(token::random_bits())
    }

    /// The one that the browser sent; none where it sent several.
    pub(crate) fn of(issuer: &Issuer, headers: &HeaderMap, cookie: &str) -> Option<Self> {
        let name = issuer.cookie(cookie);
        let lines = headers.get_all(COOKIE).iter();
        let mut found = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(known, _)| *known == name)
            .map(|(_, value)| value);
        let value = found.next()?;
        let alone = found.next().is_none();
        let ours = value.len() == TEXT
            && value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        (alone && ours).then(|| Self(Zeroizing::new(value.to_owned())))
    }

    /// As it is stored.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        token::sha256_of(&self.0)
    }

    /// What a form shows to prove that it is ours.
    pub(crate) fn csrf(&self, about: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_bytes());
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, about.as_bytes()))
    }

    /// The line that gives it to the browser.
    pub(crate) fn cookie(&self, issuer: &Issuer, cookie: &str) -> HeaderValue {
        set_cookie(issuer, cookie, &self.0, LIFE.whole_seconds())
    }
}

/// The line that takes a cookie from the browser.
pub(crate) fn remove_cookie(issuer: &Issuer, cookie: &str) -> HeaderValue {
    set_cookie(issuer, cookie, "", 0)
}

fn set_cookie(issuer: &Issuer, cookie: &str, value: &str, seconds: i64) -> HeaderValue {
    let secure = if issuer.is_https() { "; Secure" } else { "" };
    let name = issuer.cookie(cookie);
    let line = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    let mut line = HeaderValue::try_from(line).expect("slugs and base64url");
    line.set_sensitive(true);
    line
}

/// What the browser says it is, for people to recognise it by.
pub(crate) fn user_agent(headers: &HeaderMap) -> String {
    let line = headers.get(USER_AGENT).and_then(|line| line.to_str().ok());
    line.unwrap_or_default().chars().take(256).collect()
}

/// Of who is signed in.
pub(crate) const SESSION: &str = "session";
/// Of the browser itself.
pub(crate) const BROWSER: &str = "browser";
/// The length of 256 bits in base64url.
const TEXT: usize = 43;
const LONGEST_NAME: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    /// A35: the login stands where it belongs, whatever the name before it holds.
    #[test]
    fn nobody_is_shown_as_somebody_else() {
        for (name, shown) in [
            ("Ada", "Ada (ada@acme.test)"),
            ("", "ada@acme.test"),
            ("ada@acme.test", "ada@acme.test"),
            ("\u{200b}\u{feff}", "ada@acme.test"),
            ("Ada\u{202e}", "Ada (ada@acme.test)"),
            ("\u{2067}Ada\u{2028}L.", "Ada L. (ada@acme.test)"),
        ] {
            let user = SignedIn {
                user: UserUid::from_uuid(Uuid::nil()),
                slug: "ada".to_owned(),
                login: "ada@acme.test".to_owned(),
                display_name: name.to_owned(),
                admin: false,
                auth_time: OffsetDateTime::UNIX_EPOCH,
            };
            assert_eq!(user.shown(), shown);
        }
    }
}
