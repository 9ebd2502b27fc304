//! Which fields an update changes.

use crate::error::{Error, Violation};

/// A checked update mask: not empty, and naming only fields that can be changed.
#[derive(Debug)]
pub(super) struct Mask(Vec<String>);

impl Mask {
    /// Reads a request's mask against the fields that can be changed.
    pub(super) fn read(
        mask: Option<prost_types::FieldMask>,
        changeable: &[&str],
    ) -> Result<Self, Error> {
        let paths = mask.unwrap_or_default().paths;
        let choice = changeable.join("`, `");
        if paths.is_empty() {
            let text = format!("is required; it may name `{choice}`");
            return Err(Error::invalid("update_mask", text));
        }
        let violations: Vec<Violation> = paths
            .iter()
            .filter(|path| !changeable.contains(&path.as_str()))
            .map(|path| {
                // A path can be long and hold anything; what is shown of it is short and printable.
                let shown: String = path
                    .chars()
                    .take(40)
                    .flat_map(char::escape_default)
                    .collect();
                let text = format!("`{shown}` cannot be changed; it may name `{choice}`");
                Violation::new("update_mask", text)
            })
            .take(10)
            .collect();
        if violations.is_empty() {
            Ok(Self(paths))
        } else {
            Err(Error::Invalid(violations))
        }
    }

    /// All fields: what a creation sets.
    pub(super) fn all(changeable: &[&str]) -> Self {
        Self(changeable.iter().map(|&path| path.to_owned()).collect())
    }

    /// Whether this field is to be changed.
    pub(super) fn names(&self, field: &str) -> bool {
        self.0.iter().any(|path| path == field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_names_what_is_to_be_changed() {
        let mask = read(&["url"]).unwrap();
        assert!(mask.names("url") && !mask.names("display_name"));
    }

    /// AD-09.
    #[test]
    fn unknown_and_immutable_fields_are_refused() {
        assert!(read(&["url"]).is_ok());
        for bad in [
            "uid",
            "name",
            "tenant_id",
            "*",
            "",
            "url.host",
            "URL",
            "credential",
        ] {
            let refused = read(&["url", bad]).unwrap_err();
            assert!(matches!(refused, Error::Invalid(_)), "{bad}");
        }
    }

    #[test]
    fn an_empty_mask_is_refused() {
        assert!(Mask::read(None, &FIELDS).is_err());
        assert!(read(&[]).is_err());
    }

    fn read(paths: &[&str]) -> Result<Mask, Error> {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        Mask::read(Some(prost_types::FieldMask { paths }), &FIELDS)
    }

    const FIELDS: [&str; 2] = ["display_name", "url"];
}
