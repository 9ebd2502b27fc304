//! User and groups as a proxy in front of us names them (S4-24, S4-25). Only connections from the
//! configured networks are believed; from anywhere else these headers are a bad credential (S4-26).

use super::{
    Attempt, Reason,
    caller::{Person, Proof},
    request::Request,
};
use crate::config::snapshot::Forwarded;

/// Tries the two headers.
pub(super) fn attempt(request: &Request<'_>, rules: &Forwarded) -> Attempt {
    let user = request.line(&rules.user);
    let groups = request.line(&rules.groups);
    if user.is_none() && groups.is_none() {
        return Attempt::Absent;
    }
    if !rules.trusts(request.peer) {
        return Attempt::Rejected(Reason::Foreign);
    }
    let repeated = request
        .headers
        .get_all(&rules.groups)
        .iter()
        .nth(1)
        .is_some();
    let user = user.filter(|user| !repeated && token::is_subject(user));
    let Some(user) = user else {
        return Attempt::Rejected(Reason::Malformed);
    };
    request.person(Person {
        groups: split(groups.unwrap_or_default()),
        ..Person::named(user, Proof::Forwarded(request.peer))
    })
}

/// Groups are separated by commas; what is empty is none. Their case matters.
fn split(line: &str) -> Box<[Box<str>]> {
    let names = line.split(',').map(str::trim);
    let names = names.filter(|name| !name.is_empty());
    names.map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S4-25.
    #[test]
    fn groups_are_trimmed_and_empty_ones_dropped() {
        let groups = split(" dev, ops ,,Dev,");
        assert_eq!(groups.join(" "), "dev ops Dev");
        assert!(split("").is_empty());
    }
}
