//! The parameters of a request, from its query or its form. Each may be there once (RFC 6749 §3.1),
//! `resource` more often (RFC 8707 §2); one without a value counts as left out.

/// Parameters as they came.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Params(Vec<(String, String)>);

/// A parameter is there twice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is there more than once")]
pub(crate) struct Repeated(pub(crate) String);

impl Params {
    /// Reads `application/x-www-form-urlencoded` text.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Repeated> {
        let mut all: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(text) {
            if value.is_empty() {
                continue;
            }
            if name != RESOURCE && all.iter().any(|(known, _)| *known == name) {
                return Err(Repeated(name.chars().take(64).collect()));
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
            Err(Repeated("client_id".to_owned()))
        );
    }
}
