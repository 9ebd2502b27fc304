//! What clients present: pasted by an operator, a user with a password, or made here.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use proto::admin::v1::{BasicInput, StaticTokenInput};
use token::{
    BASE62,
    fixed::{TokenType, verifier},
    random_text,
};
use zeroize::Zeroizing;

use super::super::field::Checks;

/// A value as it stands in the header, after the scheme.
pub(super) struct Value(Zeroizing<String>);

impl Value {
    /// Reads a value in exactly one of its three ways. A generated one for `Basic` is the password of
    /// `user`.
    pub(super) fn read(
        checks: &mut Checks,
        kind: TokenType,
        input: StaticTokenInput,
        user: &str,
    ) -> Option<Self> {
        let pasted = Zeroizing::new(input.value);
        let ways = [!pasted.is_empty(), input.basic.is_some(), input.generate];
        if ways.into_iter().filter(|&way| way).count() != 1 {
            checks.refuse(
                "input",
                "give exactly one of `value`, `basic` and `generate`",
            );
            // A password that is refused is wiped like any other.
            drop(input.basic.map(|basic| Zeroizing::new(basic.password)));
            return None;
        }
        match (input.basic, input.generate) {
            (Some(basic), _) => given_user(checks, kind, basic),
            (None, true) => Some(Self::generate(kind, user)),
            (None, false) => {
                check_pasted(checks, kind, &pasted);
                Some(Self(pasted))
            }
        }
    }

    fn generate(kind: TokenType, user: &str) -> Self {
        let random = random_text(BASE62, GENERATED);
        match kind {
            TokenType::Basic => encode(user, &random),
            TokenType::Bearer | TokenType::ApiKey | TokenType::XApiKey => Self(random),
        }
    }

    /// What is stored of it.
    pub(super) fn verifier(&self, pepper: &[u8; 32], kind: TokenType) -> [u8; 32] {
        verifier(pepper, kind, self.0.as_bytes())
    }

    /// The whole value of the header that carries it.
    pub(super) fn header(&self, kind: TokenType) -> String {
        match kind.scheme() {
            Some(scheme) => format!("{scheme} {}", *self.0),
            None => self.0.to_string(),
        }
    }
}

/// S0-12: the operator gives user and password, and nobody has to know what base64 is.
fn given_user(checks: &mut Checks, kind: TokenType, basic: BasicInput) -> Option<Value> {
    let password = Zeroizing::new(basic.password);
    if kind != TokenType::Basic {
        checks.refuse("input.basic", "is for STATIC_TOKEN_TYPE_BASIC only");
        return None;
    }
    let user = basic.user;
    if user.is_empty() || user.len() > MAX_PART || user.contains(':') {
        let text = format!("must have 1 to {MAX_PART} bytes and no colon");
        checks.refuse("input.basic.user", text);
    }
    if !(MIN..=MAX_PART).contains(&password.len()) {
        let text = format!("must have {MIN} to {MAX_PART} bytes");
        checks.refuse("input.basic.password", text);
    }
    // RFC 7617 §2.
    for (field, text) in [
        ("input.basic.user", user.as_str()),
        ("input.basic.password", password.as_str()),
    ] {
        if text.chars().any(char::is_control) {
            checks.refuse(field, "must not contain control characters");
        }
    }
    Some(encode(&user, &password))
}

fn check_pasted(checks: &mut Checks, kind: TokenType, value: &str) {
    let field = "input.value";
    if !(MIN..=MAX).contains(&value.len()) {
        checks.refuse(field, format!("must have {MIN} to {MAX} characters"));
    } else if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        checks.refuse(
            field,
            "must be visible ASCII without spaces: the value alone, without the word before it",
        );
    } else if OURS.iter().any(|prefix| value.starts_with(prefix)) {
        // It could be taken for one of ours, or one of ours be forwarded as it.
        checks.refuse(
            field,
            "looks like a secret of this gateway's own; take another",
        );
    } else if kind == TokenType::Basic && !is_user_and_password(value) {
        checks.refuse(
            field,
            "must be the base64 of user:password; or give `input.basic`",
        );
    }
}

fn is_user_and_password(value: &str) -> bool {
    let decoded = BASE64_STANDARD.decode(value).map(Zeroizing::new);
    decoded.is_ok_and(|text| text.contains(&b':'))
}

fn encode(user: &str, password: &str) -> Value {
    let mut plain = Zeroizing::new(String::with_capacity(user.len() + 1 + password.len()));
    plain.push_str(user);
    plain.push(':');
    plain.push_str(password);
    Value(Zeroizing::new(BASE64_STANDARD.encode(plain.as_bytes())))
}

const MIN: usize = 8;
const MAX: usize = 4096;
/// Of a user or a password: both fit into the longest value.
const MAX_PART: usize = 1024;
/// S0-11: 256 bits, in letters and digits that no shell or header minds.
const GENERATED: usize = 43;
const OURS: [&str; 3] = ["mcp_sk_", "alds_", "aldp_"];

#[cfg(test)]
mod tests {
    use super::*;

    /// S0-10, S0-12: what the client is to send, complete.
    #[test]
    fn the_header_is_made_for_the_operator() {
        for (kind, wanted) in [
            (TokenType::Bearer, "Bearer pasted-value"),
            (TokenType::ApiKey, "pasted-value"),
            (TokenType::XApiKey, "pasted-value"),
        ] {
            let value = read(kind, pasted("pasted-value")).unwrap();
            assert_eq!(value.header(kind), wanted);
        }
        let value = read(TokenType::Basic, basic("Aladdin", "open sesame")).unwrap();
        let header = value.header(TokenType::Basic);
        assert_eq!(header, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let same = pasted("QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let same = read(TokenType::Basic, same).unwrap();
        assert_eq!(same.header(TokenType::Basic), header);
    }

    /// S0-11.
    #[test]
    fn a_generated_value_is_43_letters_and_digits_and_never_the_same() {
        let made = |kind| read(kind, generated()).unwrap().0;
        let (one, other) = (made(TokenType::Bearer), made(TokenType::Bearer));
        assert_ne!(*one, *other);
        assert_eq!(one.len(), 43);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let basic = BASE64_STANDARD.decode(&*made(TokenType::Basic)).unwrap();
        let basic = String::from_utf8(basic).unwrap();
        let (user, password) = basic.split_once(':').unwrap();
        assert_eq!((user, password.len()), ("ci", 43));
    }

    #[test]
    fn exactly_one_way_and_only_values_that_can_be_told_apart() {
        let both = StaticTokenInput {
            generate: true,
            ..pasted("pasted-value")
        };
        for (kind, input, field) in [
            (TokenType::Bearer, both, "input"),
            (TokenType::Bearer, StaticTokenInput::default(), "input"),
            (TokenType::Bearer, pasted("short"), "input.value"),
            (TokenType::Bearer, pasted("Bearer pasted"), "input.value"),
            (TokenType::Bearer, pasted("pasted\r\nvalue"), "input.value"),
            (TokenType::Bearer, pasted(&"x".repeat(4097)), "input.value"),
            (TokenType::Bearer, pasted("mcp_sk_abcdefgh"), "input.value"),
            (TokenType::Bearer, pasted("alds_abcdefgh"), "input.value"),
            (TokenType::Basic, pasted("not*base64"), "input.value"),
            (TokenType::Basic, pasted("bm8gY29sb24="), "input.value"),
            (TokenType::Bearer, basic("user", "password"), "input.basic"),
            (
                TokenType::Basic,
                basic("a:b", "password"),
                "input.basic.user",
            ),
            (TokenType::Basic, basic("", "password"), "input.basic.user"),
            (
                TokenType::Basic,
                basic("user", "short"),
                "input.basic.password",
            ),
            (
                TokenType::Basic,
                basic("user", "pass\nword"),
                "input.basic.password",
            ),
        ] {
            let mut checks = Checks::new();
            Value::read(&mut checks, kind, input, "ci");
            let found = checks.found().iter();
            let found: Vec<_> = found.map(|violation| violation.field.as_str()).collect();
            assert_eq!(found, [field]);
        }
    }

    fn read(kind: TokenType, input: StaticTokenInput) -> Option<Value> {
        let mut checks = Checks::new();
        let value = Value::read(&mut checks, kind, input, "ci");
        assert_eq!(checks.found(), []);
        value
    }

    fn pasted(value: &str) -> StaticTokenInput {
        StaticTokenInput {
            value: value.to_owned(),
            ..StaticTokenInput::default()
        }
    }

    fn basic(user: &str, password: &str) -> StaticTokenInput {
        StaticTokenInput {
            basic: Some(BasicInput {
                user: user.to_owned(),
                password: password.to_owned(),
            }),
            ..StaticTokenInput::default()
        }
    }

    fn generated() -> StaticTokenInput {
        StaticTokenInput {
            generate: true,
            ..StaticTokenInput::default()
        }
    }
}
