//! What a request for a session asks for: read strictly, each field at fault named.

use std::time::Duration;

use http::HeaderMap;
use policy::Scopes;
use proto::name::Slug;
use serde::Deserialize;
use serde_json::value::RawValue;
use token::is_subject;

use crate::auth::{
    problem::Problem,
    visit::{json, member},
};

/// A checked request.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) user: String,
    pub(super) lifetime: Duration,
    pub(super) roles: Option<Box<[Box<str>]>>,
    pub(super) scopes: Option<Box<[Box<str>]>>,
    pub(super) servers: Option<Vec<String>>,
}

/// The members as they stand, so that what is wrong with one can be told by its name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members<'a> {
    #[serde(borrow)]
    user: Option<&'a RawValue>,
    #[serde(borrow)]
    expires_in: Option<&'a RawValue>,
    #[serde(borrow)]
    roles: Option<&'a RawValue>,
    #[serde(borrow)]
    scopes: Option<&'a RawValue>,
    #[serde(borrow)]
    servers: Option<&'a RawValue>,
}

impl Wish {
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Problem> {
        let members: Members<'_> = json(headers, body)?;
        let user = members
            .user
            .ok_or_else(|| Problem::field("user", "is required: whom the session is for"))?;
        let user: String = member("user", user)?;
        if !is_subject(&user) {
            let text = "must be 1 to 256 bytes without control characters, and not `anonymous`, `keys/…`, `tokens/…` or `clients/…`";
            return Err(Problem::field("user", text));
        }
        Ok(Self {
            user,
            lifetime: lifetime(members.expires_in)?,
            roles: roles(members.roles)?,
            scopes: scopes(members.scopes)?,
            servers: servers(members.servers)?,
        })
    }

    /// Refuses a scope that goes beyond those of the key.
    pub(super) fn check_scopes(&self, own: &Scopes) -> Result<(), Problem> {
        let wished = self.scopes.iter().flatten().enumerate();
        for (place, scope) in wished {
            let within = Scopes::parse(&[scope]).is_ok_and(|scope| scope.within(own));
            if !within && !own.is_empty() {
                let text = "goes beyond the scopes of the API key";
                return Err(Problem::beyond(format!("scopes[{place}]"), text));
            }
        }
        Ok(())
    }
}

fn lifetime(given: Option<&RawValue>) -> Result<Duration, Problem> {
    let seconds = match given {
        Some(given) => member::<u64>("expires_in", given)?,
        None => DEFAULT_LIFETIME,
    };
    if !LIFETIME.contains(&seconds) {
        return Err(Problem::field("expires_in", "must be 60 to 86400 seconds"));
    }
    Ok(Duration::from_secs(seconds))
}

/// No roles at all may be given: then the policy decides about a user who has none.
fn roles(given: Option<&RawValue>) -> Result<Option<Box<[Box<str>]>>, Problem> {
    let Some(given) = given else {
        return Ok(None);
    };
    let roles: Box<[Box<str>]> = member("roles", given)?;
    if roles.len() > MOST {
        return Err(Problem::field("roles", format!("must be at most {MOST}")));
    }
    for (place, role) in roles.iter().enumerate() {
        if !(1..=ROLE).contains(&role.len()) || role.chars().any(char::is_control) {
            let text = format!("must be 1 to {ROLE} bytes without control characters");
            return Err(Problem::field(format!("roles[{place}]"), text));
        }
    }
    Ok(Some(roles))
}

fn scopes(given: Option<&RawValue>) -> Result<Option<Box<[Box<str>]>>, Problem> {
    let Some(given) = given else {
        return Ok(None);
    };
    let scopes: Box<[Box<str>]> = member("scopes", given)?;
    refuse_empty("scopes", scopes.is_empty())?;
    match Scopes::parse(&scopes) {
        Ok(_) => Ok(Some(scopes)),
        Err(fault) => Err(Problem::field(fault.field, fault.problem)),
    }
}

fn servers(given: Option<&RawValue>) -> Result<Option<Vec<String>>, Problem> {
    let Some(given) = given else {
        return Ok(None);
    };
    let servers: Vec<String> = member("servers", given)?;
    refuse_empty("servers", servers.is_empty())?;
    if servers.len() > MOST {
        return Err(Problem::field("servers", format!("must be at most {MOST}")));
    }
    for (place, server) in servers.iter().enumerate() {
        if let Err(error) = server.parse::<Slug>() {
            return Err(Problem::field(
                format!("servers[{place}]"),
                error.to_string(),
            ));
        }
    }
    Ok(Some(servers))
}

/// An empty list could mean nothing or everything.
fn refuse_empty(field: &str, is_empty: bool) -> Result<(), Problem> {
    if is_empty {
        return Err(Problem::field(
            field,
            "must not be empty; leave it out for all that the API key has",
        ));
    }
    Ok(())
}

const DEFAULT_LIFETIME: u64 = 900;
const LIFETIME: std::ops::RangeInclusive<u64> = 60..=86_400;
const MOST: usize = 64;
const ROLE: usize = 128;

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header::CONTENT_TYPE};

    use super::*;

    #[test]
    fn a_session_may_say_no_more_than_whom_it_is_for() {
        let wish = read(r#"{"user":"alice"}"#).unwrap();
        assert_eq!(
            (wish.user.as_str(), wish.lifetime.as_secs()),
            ("alice", 900)
        );
        assert!(wish.roles.is_none() && wish.scopes.is_none() && wish.servers.is_none());
        let wish = read(
            r#"{"user":"a","expires_in":60,"roles":[],"scopes":["files:read"],"servers":["files"]}"#,
        );
        let wish = wish.unwrap();
        assert_eq!(wish.roles.as_deref(), Some(&[][..]));
        assert_eq!(wish.servers.unwrap(), ["files"]);
    }

    /// S2-9: unknown, duplicate and contradictory members are refused and named.
    #[test]
    fn whatever_is_wrong_with_a_request_is_named() {
        for (body, field) in [
            ("{}", "user"),
            (r#"{"user":""}"#, "user"),
            (r#"{"user":7}"#, "user"),
            (r#"{"user":"anonymous"}"#, "user"),
            (r#"{"user":"keys/ci"}"#, "user"),
            (r#"{"user":"a\nb"}"#, "user"),
            (r#"{"user":"a","expires_in":59}"#, "expires_in"),
            (r#"{"user":"a","expires_in":86401}"#, "expires_in"),
            (r#"{"user":"a","expires_in":-1}"#, "expires_in"),
            (r#"{"user":"a","expires_in":"900"}"#, "expires_in"),
            (r#"{"user":"a","roles":"dev"}"#, "roles"),
            (r#"{"user":"a","roles":[""]}"#, "roles[0]"),
            (r#"{"user":"a","scopes":[]}"#, "scopes"),
            (r#"{"user":"a","scopes":["files:read","x"]}"#, "scopes[1]"),
            (r#"{"user":"a","servers":[]}"#, "servers"),
            (r#"{"user":"a","servers":["A"]}"#, "servers[0]"),
        ] {
            match read(body) {
                Err(Problem::Field { field: named, .. }) => assert_eq!(named, field, "{body}"),
                other => panic!("{body}: {other:?}"),
            }
        }
        for (body, named) in [
            (r#"{"user":"a","admin":true}"#, "`admin`"),
            (r#"{"user":"a","user":"b"}"#, "`user`"),
        ] {
            match read(body) {
                Err(Problem::Json(text)) => assert!(text.contains(named), "{text}"),
                other => panic!("{body}: {other:?}"),
            }
        }
        for body in ["", "[]", "null", "{", r#"{"user":"a"} x"#] {
            assert!(matches!(read(body), Err(Problem::Json(_))), "{body}");
        }
    }

    /// S2-10: a session never has more than its key.
    #[test]
    fn a_scope_beyond_the_keys_own_is_refused() {
        let wish = read(r#"{"user":"a","scopes":["files:read","mail:write"]}"#).unwrap();
        let own = |texts: &[&str]| Scopes::parse(texts).unwrap();
        for enough in [own(&[]), own(&["*:*"]), own(&["files:*", "mail:write"])] {
            assert!(wish.check_scopes(&enough).is_ok());
        }
        for (scopes, field) in [
            (own(&["mail:*"]), "scopes[0]"),
            (own(&["*:read"]), "scopes[1]"),
        ] {
            match wish.check_scopes(&scopes) {
                Err(Problem::Beyond { field: named, .. }) => assert_eq!(named, field),
                other => panic!("{other:?}"),
            }
        }
    }

    fn read(body: &str) -> Result<Wish, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Wish::read(&headers, body.as_bytes())
    }
}
