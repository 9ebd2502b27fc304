//! One entry of the stream, as Redis gives it.

use proto::revocation::field;
use redis::{FromRedisValue, ParsingError, Value, from_redis_value};

/// One entry: it accounts for everything from after `after` up to `sequence`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) sequence: u64,
    pub(super) epoch: u64,
    pub(super) after: u64,
    /// Encoded; empty where everything has expired.
    pub(super) revocation: Vec<u8>,
}

impl FromRedisValue for Entry {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let (id, fields): (String, Vec<Vec<u8>>) = from_redis_value(value)?;
        let sequence = id.strip_suffix("-0").and_then(|id| id.parse().ok());
        let sequence = sequence.ok_or("the id of a revocation is a number")?;
        let find = |name: &str| {
            let mut pairs = fields.chunks_exact(2);
            let pair = pairs.find(|pair| pair[0] == name.as_bytes())?;
            Some(pair[1].as_slice())
        };
        let number = |name| {
            let text = find(name).and_then(|bytes| std::str::from_utf8(bytes).ok());
            text.and_then(|text| text.parse::<u64>().ok())
        };
        let (Some(epoch), Some(after)) = (number(field::EPOCH), number(field::AFTER)) else {
            return Err("a revocation says what it follows".into());
        };
        Ok(Self {
            sequence,
            epoch,
            after,
            revocation: find(field::REVOCATION).unwrap_or_default().to_vec(),
        })
    }
}
