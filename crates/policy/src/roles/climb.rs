//! URIs that climb: `file:///pub/../etc/x` begins like `file:///pub/*`, but many servers read
//! something else than what is there. A pattern cannot have meant that.

/// Whether a URI has a segment `..`, also where dots or slashes are percent-encoded or the slashes
/// lean the other way.
pub(super) fn climbs(uri: &str) -> bool {
    let mut dots = Some(0_u8);
    let mut rest = uri.as_bytes();
    while let Some((sign, after)) = next(rest) {
        rest = after;
        match (sign, dots) {
            (b'/' | b'\\' | b'?' | b'#', Some(2)) => return true,
            (b'/' | b'\\' | b'?' | b'#', _) => dots = Some(0),
            (b'.', Some(count @ 0..2)) => dots = Some(count + 1),
            _ => dots = None,
        }
    }
    dots == Some(2)
}

/// The next byte that is meant, and what follows it.
fn next(text: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|it| u8::try_from(it).ok())
    };
    if let [b'%', high, low, after @ ..] = text
        && let (Some(high), Some(low)) = (digit(*high), digit(*low))
    {
        return Some((high << 4 | low, after));
    }
    text.split_first().map(|(&byte, after)| (byte, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_of_two_dots_climbs_however_it_is_spelt() {
        for uri in [
            "file:///pub/../etc/x",
            "file:///pub/..",
            "..",
            "../x",
            "file:///pub/%2e%2E/x",
            "file:///pub/.%2e%2Fx",
            "file:///pub\\..\\x",
            "file:///pub%5c..%5cx",
            "db://a/..?x",
            "db://a/..#x",
        ] {
            assert!(climbs(uri), "{uri}");
        }
        for uri in [
            "",
            "file:///pub/x",
            "file:///pub/./x",
            "file:///pub/...",
            "file:///pub/..x/y..",
            "file:///a..b/.x",
            "file:///%2e%2",
            "%",
            "%%2e%2e",
        ] {
            assert!(!climbs(uri), "{uri}");
        }
    }
}
