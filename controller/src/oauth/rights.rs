//! What tokens say of a user, and what happens when it is no longer so: the tokens from before do not
//! count any more, and their holders fetch new ones.

use proto::{id::UserUid, sync::v1::RevocationKind};

use super::{rules::REVOCATION_LIFE, said};
use crate::store::{
    OneTenant, Tx,
    revocation::{Revoked, Until},
};

/// The rights of a user have changed: what was issued until now does not count. The user's row is
/// locked, or a token of the rights before could still be on its way.
pub(crate) fn cut(tx: &mut Tx<OneTenant>, user: UserUid) {
    tx.revoke(Revoked {
        kind: RevocationKind::User,
        id: user.to_string(),
        until: Until::Now,
        life: REVOCATION_LIFE,
    });
}

/// A user is gone: nothing of theirs counts.
pub(crate) fn end(tx: &mut Tx<OneTenant>, user: UserUid) {
    tx.revoke(Revoked {
        kind: RevocationKind::User,
        id: user.to_string(),
        until: Until::Ever,
        life: REVOCATION_LIFE,
    });
}

/// What is wrong with a login: it is the user's name for the policy, too, and must not read as
/// something else's.
pub(crate) fn unfit_login(login: &str) -> Option<&'static str> {
    let visible = |c: char| !said::is_unseen(c) && !c.is_whitespace();
    if !(1..=LOGIN).contains(&login.chars().count()) || !login.chars().all(visible) {
        return Some("must have 1 to 200 visible characters without spaces");
    }
    (!token::is_subject(login)).then_some(
        "must have at most 256 bytes and be none of `anonymous`, `keys/…`, `tokens/…` and `clients/…`",
    )
}

const LOGIN: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_nobody_elses_name() {
        for good in ["ada@acme.com", "ada", "Ada.Lovelace+x", "ädä", "x/keys/"] {
            assert_eq!(unfit_login(good), None, "{good}");
        }
        for bad in [
            "",
            "a b",
            "a\nb",
            "ad\u{200b}a",
            "ada\u{202e}",
            "\u{3164}",
            "anonymous",
            "keys/ci",
            "tokens/x",
            "clients/x",
        ] {
            assert!(unfit_login(bad).is_some(), "{bad}");
        }
        assert!(unfit_login(&"a".repeat(200)).is_none());
        assert!(unfit_login(&"a".repeat(201)).is_some());
        assert!(unfit_login(&"ä".repeat(200)).is_some());
    }
}
