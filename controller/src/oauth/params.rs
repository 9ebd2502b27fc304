//! The parameters of a request, from its query or its form. Each may be there once (RFC 6749 §3.1),
//! `resource` more often (RFC 8707 §2); one without a value counts as left out. No text that we keep
//! holds a zero byte, and neither does a parameter.

/// Parameters as they came.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Params(Vec<(String, String)>);

/// Why parameters are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    /// A parameter is there twice.
    #[error("`{0}` is there more than once")]
    Repeated(String),
    /// A name or a value holds a zero byte.
    #[error("a parameter holds a zero byte")]
    Zero,
}

impl Params {
    /// Reads `application/x-www-form-urlencoded` text.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Unfit> {
        let mut all: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(text) {
            if name.contains('\0') || value.contains('\0') {
                return Err(Unfit::Zero);
            }
            if value.is_empty() {
                continue;
            }
            if name != RESOURCE && all.iter().any(|(known, _)| *known == name) {
                return Err(Unfit::Repeated(name.chars().take(64).collect()));
            }
            all.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(all))
    }

    /// The value of one.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The resources asked for, each once.
    pub(crate) fn resources(&self) -> Vec<&str> {
        let mut found = Vec::new();
        for (name, value) in &self.0 {
            if name == RESOURCE && !found.contains(&value.as_str()) {
                found.push(value.as_str());
            }
        }
        found
    }
}

const RESOURCE: &str = "resource";

#[cfg(test)]
mod tests {
    use super::*;

    /// AUTHZ-3, TOK-9, A6, OA-23.
    #[test]
    fn each_parameter_is_there_once_but_the_resource() {
        let params =
            Params::parse(b"a=1&b=&resource=x&resource=y&resource=x&c=%2B%2F%3D+z").unwrap();
        assert_eq!(params.get("a"), Some("1"));
        assert_eq!(params.get("b"), None);
        assert_eq!(params.get("c"), Some("+/= z"));
        assert_eq!(params.resources(), ["x", "y"]);
        assert_eq!(
            Params::parse(b"client_id=a&client_id=a"),
            Err(Unfit::Repeated("client_id".to_owned()))
        );
    }
    #[test]
    fn no_parameter_holds_a_zero_byte() {
        assert_eq!(Params::parse(b"a=%01").unwrap().get("a"), Some("\u{1}"));
        for text in [
            &b"a=b%00"[..],
            b"a=b\0",
            b"%00=b",
            b"a%00",
            b"resource=x%00",
        ] {
            assert_eq!(Params::parse(text), Err(Unfit::Zero), "{text:?}");
        }
    }
}
