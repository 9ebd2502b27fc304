//! The compact form of a signed token (RFC 7515 §7.1): three parts of base64url with points between
//! them. Only where the parts are; what stands in them is not looked at.

/// The three parts of a token, still encoded.
pub(crate) struct Parts<'a> {
    pub(crate) header: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) signature: &'a str,
    /// What was signed: the first two.
    pub(crate) message: &'a str,
}

impl<'a> Parts<'a> {
    /// The parts of a text that is no longer than so many bytes.
    pub(crate) fn of(text: &'a str, longest: usize) -> Option<Self> {
        if text.len() > longest {
            return None;
        }
        let (message, signature) = text.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        (!payload.contains('.')).then_some(Self {
            header,
            payload,
            signature,
            message,
        })
    }
}
