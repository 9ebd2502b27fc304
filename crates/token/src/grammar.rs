//! The shape of every secret we hand out: a prefix, 32 random base62 characters, and six base62
//! characters of CRC-32 over all that precedes. The checksum finds typing errors and forgeries by
//! scanners before any lookup; it proves nothing about who made the text.

use aws_lc_rs::{hmac, rand};
use zeroize::{Zeroize, Zeroizing};

use crate::letters::{self, BASE62};

/// The text is not a secret of this kind. It says no more, so that it can be shown to anyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed secret")]
pub struct Malformed;

/// New text with this prefix: 190 random bits.
pub(crate) fn generate(prefix: &str) -> Zeroizing<String> {
    build(prefix, |pool| {
        rand::fill(pool).expect("the system's random source answers");
    })
}

/// The text with this prefix that follows from a key and a message.
pub(crate) fn derive(prefix: &str, key: &[u8; 32], message: &[u8]) -> Zeroizing<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA512, key);
    let mut block = 0_u8;
    build(prefix, |pool| {
        let mut context = hmac::Context::with_key(&key);
        context.update(&[block]);
        context.update(message);
        pool.copy_from_slice(context.sign().as_ref());
        block = block.wrapping_add(1);
    })
}

/// The text whose random part is made of the bytes that `fill` gives.
fn build(prefix: &str, fill: impl FnMut(&mut [u8; 64])) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(length(prefix)));
    text.push_str(prefix);
    letters::append(&mut text, BASE62, RANDOM, fill);
    let mut sum = checksum(&text);
    text.extend(sum.iter().map(|&byte| char::from(byte)));
    sum.zeroize();
    text
}

/// Whether the text has this prefix, the right length and alphabet, and a checksum that fits.
pub(crate) fn check(prefix: &str, text: &str) -> Result<(), Malformed> {
    if text.len() != length(prefix) || !text.starts_with(prefix) {
        return Err(Malformed);
    }
    if !text
        .bytes()
        .skip(prefix.len())
        .all(|byte| byte.is_ascii_alphanumeric())
    {
        return Err(Malformed);
    }
    let (body, sum) = text
        .split_at_checked(text.len() - CHECKSUM)
        .ok_or(Malformed)?;
    (checksum(body) == sum.as_bytes())
        .then_some(())
        .ok_or(Malformed)
}

fn length(prefix: &str) -> usize {
    prefix.len() + RANDOM + CHECKSUM
}

/// CRC-32 (IEEE) as six base62 digits, the most significant first.
fn checksum(body: &str) -> [u8; CHECKSUM] {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; CHECKSUM];
    for place in digits.iter_mut().rev() {
        *place = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

const RANDOM: usize = 32;
const CHECKSUM: usize = 6;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A value worked out apart from this code, so that the grammar cannot drift.
    #[test]
    fn the_checksum_of_a_known_text_never_changes() {
        let text = "mcp_sk_000000000000000000000000000000002KVQtC";
        assert_eq!(check("mcp_sk_", text), Ok(()));
    }

    #[test]
    fn every_digit_occurs() {
        let text: String = (0..200).map(|_| generate("").to_string()).collect();
        for digit in BASE62 {
            assert!(text.as_bytes().contains(digit), "{}", char::from(*digit));
        }
    }

    /// Worked out apart from this code (Python: hmac, zlib), so that grants outlive a release.
    #[test]
    fn a_known_derivation_never_changes() {
        let made = derive(
            "aldr_",
            &[7; 32],
            b"aldr_osIQoIwUWHXVuxVNbWmN4WJi067KEYlw4U8Hae",
        );
        assert_eq!(*made, "aldr_g2Q0QFMFLfyLKtsguXB279q4XtsxuYla21hXN7");
    }

    proptest! {
        #[test]
        fn any_changed_byte_is_malformed(at in 0_usize..45, to in 0_u8..128) {
            let good = generate("mcp_sk_");
            prop_assert_eq!(check("mcp_sk_", &good), Ok(()));
            let mut bytes = good.as_bytes().to_vec();
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            let bad = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(check("mcp_sk_", &bad), Err(Malformed));
        }

        #[test]
        fn any_text_is_judged_without_a_panic(text in ".{0,60}") {
            prop_assert_eq!(check("mcp_sk_", &text), Err(Malformed));
        }
    }
}
