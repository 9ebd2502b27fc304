use http::HeaderValue;
use token::ApiKey;

use super::*;

/// HN-14, HN-16, TK-10.
#[test]
fn exactly_one_bearer_line_presents_a_credential() {
    for good in ["Bearer x", "bearer x", "BEARER x"] {
        assert_eq!(request(&lines(&[good])).bearer(), Some("x"), "{good}");
    }
    assert_eq!(request(&lines(&[])).bearer(), None);
    for bad in ["Bearer", "Basic eDp5", "x", "", "Bearerx"] {
        assert_eq!(request(&lines(&[bad])).bearer(), Some(""), "{bad}");
    }
    let twice = lines(&["Bearer x", "Bearer x"]);
    assert_eq!(request(&twice).bearer(), Some(""));
}

/// HN-16: what follows the scheme is taken whole, so no part of a list can match.
#[test]
fn a_list_of_credentials_is_no_key() {
    let key = ApiKey::generate();
    assert!(ApiKey::parse(key.expose()).is_ok());
    for bad in [
        format!("{0}, Bearer {0}", key.expose()),
        format!(" {}", key.expose()),
        format!("{} x", key.expose()),
    ] {
        let headers = lines(&[&format!("Bearer {bad}")]);
        let text = request(&headers).bearer().unwrap();
        assert!(ApiKey::parse(text).is_err(), "{bad}");
    }
}

fn request(headers: &HeaderMap) -> Request<'_> {
    static NOBODYS: LazyLock<Target> = LazyLock::new(|| Target::of_nobody("s1"));
    Request {
        target: &NOBODYS,
        tenant: None,
        server: None,
        headers,
        peer: [127, 0, 0, 1].into(),
        now: SystemTime::UNIX_EPOCH,
    }
}

fn lines(values: &[&str]) -> HeaderMap {
    values
        .iter()
        .map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap()))
        .collect()
}
