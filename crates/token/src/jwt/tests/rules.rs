//! What may be configured, and which keys are taken.

use super::*;

/// S3-5, S4-20: a wrong field is named, whatever it is.
#[test]
fn a_wrong_field_is_named() {
    type Change = fn(&mut JwtAuthenticator);
    assert!(Rules::compile(&good()).is_ok());
    let cases: [(&str, Change); 27] = [
        ("issuer", |c| c.issuer.clear()),
        ("audiences", |c| c.audiences.clear()),
        ("audiences[1]", |c| c.audiences.push(String::new())),
        ("algorithms[0]", |c| c.algorithms = vec!["none".into()]),
        ("algorithms[0]", |c| c.algorithms = vec!["rs256".into()]),
        ("algorithms[0]", |c| c.algorithms = vec!["HS256".into()]),
        ("algorithms[1]", |c| {
            c.algorithms = vec!["RS256".into(), "RS256".into()];
        }),
        ("jwks_uri", |c| c.jwks_uri.clear()),
        ("jwks_uri", |c| c.secret_uid = "s".into()),
        ("jwks_uri", |c| c.secret = "x".repeat(32)),
        ("jwks_uri", |c| c.jwks = "{}".into()),
        ("jwks_uri", |c| c.jwks_uri = "ftp://idp.test".into()),
        ("jwks_uri", |c| c.jwks_uri = "file:///etc/passwd".into()),
        ("jwks_uri", |c| c.jwks_uri = "https://u:p@idp.test".into()),
        ("jwks_uri", |c| c.jwks_uri = "https://idp.test#x".into()),
        ("jwks_uri", |c| c.jwks_uri = "jwks".into()),
        ("header_name", |c| c.header_name = "a b".into()),
        ("header_name", |c| c.header_name = "Host".into()),
        ("header_name", |c| c.header_name = "mcp-session-id".into()),
        ("subject_prefix", |c| c.subject_prefix = "keys/".into()),
        ("subject_prefix", |c| c.subject_prefix = "a\n".into()),
        ("required_claims[0].name", |c| require(c, "", "", "")),
        ("required_claims[0].type", |c| require(c, "a", "object", "")),
        ("required_claims[0].values", |c| {
            require(c, "a", "number", "x");
        }),
        ("required_claims[0].values", |c| {
            require(c, "a", "boolean", "1");
        }),
        ("required_claims[1].name", |c| {
            require(c, "a", "", "x");
            require(c, "a", "", "y");
        }),
        ("jwks", |c| {
            c.jwks_uri.clear();
            c.jwks = "{\"keys\":[]}".into();
        }),
    ];
    for (field, change) in cases {
        let mut config = good();
        change(&mut config);
        let fault = Rules::compile(&config).unwrap_err();
        assert_eq!(fault.field, field, "{fault}");
    }
}

#[test]
fn a_shared_secret_goes_with_hmac_alone_and_has_a_length() {
    let with = |change: fn(&mut JwtAuthenticator)| {
        let mut config = JwtAuthenticator {
            jwks_uri: String::new(),
            secret: "x".repeat(32),
            ..good()
        };
        change(&mut config);
        Rules::compile(&config).map_err(|fault| fault.field)
    };
    let rules = with(|_| {}).unwrap();
    assert_eq!(*rules.source(), Source::Secret("".into()));
    assert!(with(|c| c.algorithms = vec!["HS512".into()]).is_ok());
    let field = with(|c| c.algorithms = vec!["HS256".into(), "ES256".into()]);
    assert_eq!(field.unwrap_err(), "algorithms[1]");
    assert_eq!(with(|c| c.secret = "x".repeat(31)).unwrap_err(), "secret");
    assert_eq!(with(|c| c.secret = "x".repeat(1025)).unwrap_err(), "secret");
}

/// Rules that differ in anything do not share what was remembered under the others.
#[test]
fn other_rules_have_another_identity_and_the_secret_has_no_part_in_it() {
    let identity = |change: fn(&mut JwtAuthenticator)| {
        let mut config = good();
        change(&mut config);
        *Rules::compile(&config).unwrap().identity()
    };
    assert_eq!(identity(|_| {}), identity(|_| {}));
    assert_ne!(identity(|_| {}), identity(|c| c.bare = true));
    assert_ne!(identity(|_| {}), identity(|c| c.audiences.push("x".into())));
}

/// S3-5: the header is `Authorization` with `Bearer ` unless something else is said.
#[test]
fn the_header_has_its_default() {
    let rules = Rules::compile(&good()).unwrap();
    assert_eq!((rules.header(), rules.is_bare()), ("authorization", false));
    let config = JwtAuthenticator {
        header_name: "X-Jwt-Assertion".into(),
        bare: true,
        ..good()
    };
    let rules = Rules::compile(&config).unwrap();
    assert_eq!((rules.header(), rules.is_bare()), ("x-jwt-assertion", true));
}

/// RFC 7517 §5: what we do not know is left out; what should be secret is never taken.
#[test]
fn unknown_keys_are_left_out_and_private_ones_refused() {
    let (good, rsa) = (Signer::p256().jwk("k1"), Signer::rsa().jwk("k2"));
    let changed = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        jwk
    };
    for left_out in [
        changed("use", json!("enc")),
        changed("key_ops", json!(["encrypt"])),
        changed("alg", json!("ES384")),
        changed("alg", json!("HS256")),
        changed("crv", json!("secp256k1")),
        changed("kty", json!("XY")),
        changed("kty", json!("RSA")),
        changed("x", json!("AAAA")),
        changed("kid", json!(1)),
        json!({}),
    ] {
        let keys = set(&[left_out.clone(), rsa.clone()]);
        assert_eq!(keys.len(), 1, "{left_out}");
        assert!(keys.has("k2") && !keys.has("k1"));
    }
    let used = changed("key_ops", json!(["verify"]));
    assert_eq!(set(&[used, changed("use", json!("sig"))]).len(), 2);

    let parse = |value: Value| KeySet::parse_jwks(value.to_string().as_bytes()).err();
    for private in [changed("d", json!("x")), Signer::secret(b"x").jwk("k1")] {
        assert_eq!(
            parse(json!({"keys": [private]})),
            Some(KeySetError::Private)
        );
    }
    let many = vec![good.clone(); 101];
    assert_eq!(parse(json!({"keys": many})), Some(KeySetError::TooMany));
    for bad in [
        json!([good]),
        json!({}),
        json!({"keys": 1}),
        json!({"keys": ["x"]}),
    ] {
        assert_eq!(parse(bad), Some(KeySetError::NotASet));
    }
    assert!(KeySet::parse_jwks(b"<html>").is_err());
}

/// The same id does not make two keys the same.
#[test]
fn a_key_that_was_replaced_under_its_name_is_another_key() {
    let (one, two) = (Signer::p256(), Signer::p256());
    let world = World::of(set(&[one.jwk("k1")]), &config());
    let claims = world.accept(&world.token(&one, &json!({})));
    assert!(set(&[two.jwk("k2"), one.jwk("k1")]).holds(claims.key));
    assert!(!set(&[two.jwk("k1")]).holds(claims.key));
    let (old, new) = (
        KeySet::shared_secret(&[1; 32]),
        KeySet::shared_secret(&[2; 32]),
    );
    let rules = JwtAuthenticator {
        secret_uid: "s".into(),
        ..config()
    };
    let world = World::of(old, &rules);
    let claims = world.accept(&Signer::secret(&[1; 32]).sign(&json!({"alg": "HS256"}), &payload()));
    assert!(world.keys.holds(claims.key) && !new.holds(claims.key));
}

fn good() -> JwtAuthenticator {
    JwtAuthenticator {
        jwks_uri: "https://idp.test/jwks".into(),
        ..config()
    }
}

fn require(config: &mut JwtAuthenticator, name: &str, kind: &str, value: &str) {
    let values = (!value.is_empty()).then(|| value.to_owned());
    config.required_claims.push(RequiredClaim {
        name: name.into(),
        r#type: kind.into(),
        values: values.into_iter().collect(),
    });
}
