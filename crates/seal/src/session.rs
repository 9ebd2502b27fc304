//! Sealed session ids: `s1.<kid>.<base64url(nonce ‖ ciphertext ‖ tag)>` (design.md §10). Every node
//! that holds the day's key can open them, so a session may continue anywhere. What is inside, and
//! when it expires, is the gateway's business.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    OpenError,
    binding::Binding,
    primitive::{Cipher, KEY, NONCE, TAG, random},
};

/// Whom a session belongs to: with any other binding it does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionBinding {
    /// The tenant.
    pub tenant: Uuid,
    /// The server that the session is with.
    pub server: Uuid,
    /// Who is calling.
    pub principal: Uuid,
}

/// One day's key of one tenant, ready to use.
pub struct SessionCipher {
    kid: Box<str>,
    cipher: Cipher,
}

impl SessionCipher {
    /// The cipher under this key. The key id stands in every session id: 1 to 32 lower-case letters
    /// and digits. Under any other id nothing opens.
    pub fn new(kid: &str, key: &[u8; KEY]) -> Self {
        Self {
            kid: kid.into(),
            cipher: Cipher::new(key),
        }
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// A session id that only this key and this binding open.
    pub fn seal(&self, binding: &SessionBinding, plain: &[u8]) -> String {
        self.seal_with(&SESSION, binding, plain, random())
    }

    /// A list's cursor that only this key and this binding open: `c1.` and on as a session id. Neither
    /// opens as the other.
    pub fn seal_cursor(&self, binding: &SessionBinding, plain: &[u8]) -> String {
        self.seal_with(&CURSOR, binding, plain, random())
    }

    /// What was sealed in a cursor.
    pub fn open_cursor(
        &self,
        binding: &SessionBinding,
        cursor: &str,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        self.open_as(&CURSOR, binding, cursor)
    }

    /// What was sealed in a session id.
    pub fn open(
        &self,
        binding: &SessionBinding,
        id: &str,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        self.open_as(&SESSION, binding, id)
    }

    fn open_as(
        &self,
        form: &Form,
        binding: &SessionBinding,
        text: &str,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (kid, body) = form.split(text).ok_or(OpenError)?;
        if *kid != *self.kid {
            return Err(OpenError);
        }
        let sealed = URL_SAFE_NO_PAD.decode(body).map_err(|_| OpenError)?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(OpenError)?;
        self.cipher
            .open(*nonce, &self.binding(form, binding), sealed)
    }

    /// The nonce is a parameter so that the test vectors can be made again.
    pub(crate) fn seal_with(
        &self,
        form: &Form,
        binding: &SessionBinding,
        plain: &[u8],
        nonce: [u8; NONCE],
    ) -> String {
        let mut sealed = Vec::with_capacity(NONCE + plain.len() + TAG);
        sealed.extend_from_slice(&nonce);
        self.cipher
            .seal(nonce, &self.binding(form, binding), plain, &mut sealed);
        let mut id = format!("{}.{}.", form.version, self.kid);
        URL_SAFE_NO_PAD.encode_string(sealed, &mut id);
        id
    }

    fn binding(&self, form: &Form, binding: &SessionBinding) -> Binding {
        Binding::new(form.label)
            .with(self.kid.as_bytes())
            .with(binding.tenant)
            .with(binding.server)
            .with(binding.principal)
    }
}

impl fmt::Debug for SessionCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCipher")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// The id of the key that a session id names; `None` if it is no session id of ours.
pub fn kid_of(id: &str) -> Option<&str> {
    SESSION.split(id).map(|(kid, _)| kid)
}

/// The id of the key that a cursor names; `None` if it is no cursor of ours.
pub fn kid_of_cursor(cursor: &str) -> Option<&str> {
    CURSOR.split(cursor).map(|(kid, _)| kid)
}

/// What a sealed text is for: how it begins, and what keeps it apart from the others.
pub(crate) struct Form {
    version: &'static str,
    label: &'static str,
}

/// Session ids.
pub(crate) const SESSION: Form = Form {
    version: "s1",
    label: "aldgate/v1/session",
};

/// Cursors of lists.
const CURSOR: Form = Form {
    version: "c1",
    label: "aldgate/v1/cursor",
};

impl Form {
    fn split<'a>(&self, text: &'a str) -> Option<(&'a str, &'a str)> {
        let (kid, body) = text
            .strip_prefix(self.version)?
            .strip_prefix('.')?
            .split_once('.')?;
        is_kid(kid).then_some((kid, body))
    }
}

fn is_kid(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn another_cipher_with_the_same_key_opens_it() {
        let binding = binding();
        let id = cipher().seal(&binding, b"inside");
        assert_eq!(kid_of(&id), Some("1d20000"));
        assert_eq!(cipher().open(&binding, &id).unwrap().as_slice(), b"inside");
    }

    /// TI-08
    #[test]
    fn cursors_and_session_ids_never_open_as_each_other() {
        let binding = binding();
        let (id, cursor) = (
            cipher().seal(&binding, b"x"),
            cipher().seal_cursor(&binding, b"x"),
        );
        assert_eq!(kid_of_cursor(&cursor), Some("1d20000"));
        assert!(kid_of_cursor(&id).is_none() && kid_of(&cursor).is_none());
        let opened = cipher().open_cursor(&binding, &cursor).unwrap();
        assert_eq!(opened.as_slice(), b"x");
        let (as_id, as_cursor) = (cursor.replace("c1.", "s1."), id.replace("s1.", "c1."));
        assert!(cipher().open(&binding, &as_id).is_err());
        assert!(cipher().open_cursor(&binding, &as_cursor).is_err());
    }

    /// TI-16, SS: a session id is worthless to another tenant, server or principal.
    #[test]
    fn no_other_binding_opens_it() {
        let good = binding();
        let id = cipher().seal(&good, b"inside");
        assert!(cipher().open(&good, &id).is_ok());
        let other = Uuid::from_u128(99);
        for bad in [
            SessionBinding {
                tenant: other,
                ..good
            },
            SessionBinding {
                server: other,
                ..good
            },
            SessionBinding {
                principal: other,
                ..good
            },
        ] {
            assert_eq!(cipher().open(&bad, &id).err(), Some(OpenError));
        }
    }

    #[test]
    fn neither_another_key_nor_another_key_id_opens_it() {
        let id = cipher().seal(&binding(), b"inside");
        for other in [
            SessionCipher::new("1d20000", &[8; 32]),
            SessionCipher::new("1d20001", &[7; 32]),
        ] {
            assert_eq!(other.open(&binding(), &id).err(), Some(OpenError));
        }
        let renamed = id.replace("1d20000", "1d20001");
        let with_that_name = SessionCipher::new("1d20001", &[7; 32]);
        assert_eq!(
            with_that_name.open(&binding(), &renamed).err(),
            Some(OpenError)
        );
    }

    #[test]
    fn foreign_session_ids_name_no_key() {
        for id in [
            "",
            "s1",
            "s1.",
            "s1.a",
            "s1..x",
            "s2.a.x",
            "S1.a.x",
            "s1.A.x",
            "0190b7c2-6f00",
        ] {
            assert_eq!(kid_of(id), None, "{id}");
        }
    }

    #[test]
    fn debug_shows_the_key_id_alone() {
        assert_eq!(
            format!("{:?}", cipher()),
            r#"SessionCipher { kid: "1d20000", .. }"#
        );
    }

    proptest! {
        /// CR-03.
        #[test]
        fn any_changed_character_fails_alike(at in any::<prop::sample::Index>(), to in 0_u8..128) {
            let id = cipher().seal(&binding(), b"upstream session");
            let mut bytes = id.into_bytes();
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            let bad = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(cipher().open(&binding(), &bad).err(), Some(OpenError));
        }

        #[test]
        fn any_text_is_judged_without_a_panic(text in ".{0,80}") {
            prop_assert_eq!(cipher().open(&binding(), &text).err(), Some(OpenError));
        }
    }

    fn cipher() -> SessionCipher {
        SessionCipher::new("1d20000", &[7; 32])
    }

    fn binding() -> SessionBinding {
        SessionBinding {
            tenant: Uuid::from_u128(1),
            server: Uuid::from_u128(2),
            principal: Uuid::from_u128(3),
        }
    }
}
