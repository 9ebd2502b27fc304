//! Random text: letters of an alphabet, each equally likely at every place, or bits as base64url.

use aws_lc_rs::rand;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// Digits and letters: no shell, header or URL minds one of them. Checksums count in this order.
pub const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// So many letters from the system's random source.
///
/// # Panics
///
/// If the alphabet is not ASCII, or has no letters.
pub fn random_text(alphabet: &[u8], length: usize) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(length));
    append(&mut text, alphabet, length, |pool| {
        rand::fill(pool).expect("the system's random source answers");
    });
    text
}

/// 256 bits from the system's random source, as 43 characters of base64url.
pub fn random_bits() -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; 32]);
    rand::fill(bytes.as_mut()).expect("the system's random source answers");
    Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_ref()))
}

/// Adds so many letters, made of the bytes that `fill` gives.
pub(crate) fn append(
    text: &mut String,
    alphabet: &[u8],
    length: usize,
    mut fill: impl FnMut(&mut [u8; 64]),
) {
    assert!(alphabet.is_ascii(), "a letter is one byte");
    // Bytes from here on are thrown away: a multiple of the number of letters keeps them equally likely.
    let fair = 256 - 256 % alphabet.len();
    let whole = text.len() + length;
    let mut pool = Zeroizing::new([0; 64]);
    while text.len() < whole {
        fill(&mut pool);
        let wanted = whole - text.len();
        let bytes = pool.iter().map(|&byte| usize::from(byte));
        let letters = bytes
            .filter(|&byte| byte < fair)
            .map(|byte| char::from(alphabet[byte % alphabet.len()]));
        text.extend(letters.take(wanted));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_occurs_and_no_other() {
        for alphabet in [&BASE62[..], b"BCDFGHJKLMNPQRSTVWXZ", b"a"] {
            let text = random_text(alphabet, 5000);
            assert_eq!(text.len(), 5000);
            assert!(text.bytes().all(|letter| alphabet.contains(&letter)));
            assert!(
                alphabet
                    .iter()
                    .all(|letter| text.as_bytes().contains(letter))
            );
        }
    }

    #[test]
    fn random_bits_are_others_each_time() {
        let (one, other) = (random_bits(), random_bits());
        assert_ne!(one, other);
        assert_eq!(URL_SAFE_NO_PAD.decode(&*one).unwrap().len(), 32);
        assert_eq!(one.len(), 43);
    }

    /// With 62 letters, bytes from 248 on would make the first eight likelier than the rest.
    #[test]
    fn bytes_that_would_favour_a_letter_are_thrown_away() {
        let mut text = String::from("x");
        let mut byte = 246_u8;
        append(&mut text, BASE62, 3, |pool| {
            pool.fill(0);
            for place in &mut pool[..63] {
                *place = byte;
                byte = byte.saturating_add(1);
            }
        });
        assert_eq!(text, "xyz0");
    }
}
