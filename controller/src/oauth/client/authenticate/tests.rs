use http::HeaderValue;

use super::*;

/// TOK-7: the SDKs for TypeScript do not encode, those for Python do.
#[test]
fn basic_credentials_are_read_encoded_and_as_they_are() {
    for (pair, id, secrets) in [
        ("client-1:aldcsX", "client-1", &["aldcsX"][..]),
        ("client%2D1:a%2Bb", "client-1", &["a%2Bb", "a+b"]),
        ("client-1:a+b", "client-1", &["a+b", "a b"]),
        ("client-1:a:b=&", "client-1", &["a:b=&"]),
    ] {
        for scheme in ["Basic", "basic", "BASIC"] {
            let line = format!("{scheme} {}", STANDARD.encode(pair));
            let found = basic(&headers(&[line.as_str()])).unwrap().unwrap();
            let hashes: Vec<_> = secrets.iter().map(|secret| sha256_of(secret)).collect();
            assert_eq!((found.id.as_str(), found.hashes), (id, hashes), "{pair}");
        }
    }
}

/// TOK-4, TOK-8, A6.
#[test]
fn one_way_of_authentication_and_one_client_is_said() {
    let line = format!("Basic {}", STANDARD.encode("a:x"));
    let line = line.as_str();
    let read = |lines: &[&str], form: &[u8]| {
        let params = Params::parse(form).unwrap();
        Presented::read(&headers(lines), &params).map(|found| found.method())
    };
    let good = [
        (&[][..], &b"client_id=a"[..], AuthMethod::None),
        (&[], b"client_id=a&client_secret=x", AuthMethod::ClientSecretPost),
        (&[line], b"", AuthMethod::ClientSecretBasic),
        (&[line], b"client_id=a", AuthMethod::ClientSecretBasic),
        (
            &[],
            b"client_id=a&client_assertion=x&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            AuthMethod::PrivateKeyJwt,
        ),
    ];
    for (lines, form, method) in good {
        assert_eq!(read(lines, form).unwrap(), method);
    }
    let code = |lines: &[&str], form: &[u8]| match read(lines, form).unwrap_err() {
        Fault::Protocol { code, .. } => code.as_str(),
        Fault::Client { basic: true, .. } => "basic",
        Fault::Client { basic: false, .. } => "invalid_client",
        Fault::Slow(_) | Fault::Inside(_) => "other",
    };
    for (lines, form, said) in [
        (&[][..], &b""[..], "invalid_client"),
        (&[], b"client_secret=x", "invalid_client"),
        (&[line], b"client_id=b", "invalid_request"),
        (&[line], b"client_secret=x", "invalid_request"),
        (&[line], b"client_assertion=x", "invalid_request"),
        (
            &[],
            b"client_id=a&client_secret=x&client_assertion=x",
            "invalid_request",
        ),
        (&[], b"client_id=a&client_assertion=x", "invalid_request"),
        (&[line, line], b"", "invalid_request"),
        (&["Bearer x"], b"client_id=a", "basic"),
        (&["Basic !"], b"client_id=a", "basic"),
        (&["Basic YQ=="], b"client_id=a", "basic"),
    ] {
        assert_eq!(code(lines, form), said, "{}", String::from_utf8_lossy(form));
    }
}

fn headers(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(AUTHORIZATION, HeaderValue::from_str(line).unwrap());
    }
    headers
}
