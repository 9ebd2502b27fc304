//! Associated data: what a ciphertext is bound to, encoded so that no two bindings encode alike.

/// Fields in a fixed order, each after its length (`u32`, big endian).
pub(crate) struct Binding(Vec<u8>);

impl Binding {
    /// A binding that begins with what it is for.
    pub(crate) fn new(purpose: &str) -> Self {
        Self(Vec::with_capacity(256)).with(purpose)
    }

    /// Adds the next field.
    pub(crate) fn with(mut self, field: impl AsRef<[u8]>) -> Self {
        let field = field.as_ref();
        let length =
            u32::try_from(field.len()).expect("fields are names, ids and origins, far below 4 GiB");
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(field);
        self
    }

    /// The encoded form.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_byte_to_the_next_field_changes_the_encoding() {
        let one = Binding::new("p").with("ab").with("c");
        let other = Binding::new("p").with("a").with("bc");
        assert_ne!(one.bytes(), other.bytes());
    }
}
