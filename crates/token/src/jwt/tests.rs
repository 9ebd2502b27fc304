//! What holds of tokens, with real keys of every kind. Each attack first proves that the same token
//! without it is accepted.

mod rules;
mod signer;
mod world;

use std::time::Duration;

use proto::access::v1::{JwtAuthenticator, RequiredClaim};
use serde_json::{Value, json};

use self::{
    signer::{Signer, encoded},
    world::{NOW, World, config, header, merged, now, payload, set},
};
use super::*;

/// S3-5, S3-12: every algorithm that may be configured.
#[test]
fn every_algorithm_is_verified_with_its_kind_of_key() {
    for (signer, algorithms) in [
        (
            Signer::rsa(),
            &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"][..],
        ),
        (Signer::p256(), &["ES256"]),
        (Signer::p384(), &["ES384"]),
        (Signer::ed(), &["EdDSA"]),
    ] {
        for algorithm in algorithms {
            let world = World::new(&signer, |config| {
                config.algorithms = vec![(*algorithm).into()];
            });
            let token = signer.sign(&json!({"alg": algorithm, "kid": "k1"}), &payload());
            assert_eq!(&*world.accept(&token).subject, "alice", "{algorithm}");
            let other = Signer::p256().sign(&json!({"alg": algorithm, "kid": "k1"}), &payload());
            assert_eq!(world.refuse(&other), Refusal::Invalid, "{algorithm}");
        }
    }
}

/// S3-5.
#[test]
fn a_shared_secret_verifies_what_it_signed_whatever_kid_the_token_names() {
    let secret = [7; 32];
    for algorithm in ["HS256", "HS384", "HS512"] {
        let world = World::of(
            KeySet::shared_secret(&secret),
            &JwtAuthenticator {
                secret_uid: "s".into(),
                algorithms: vec![algorithm.into()],
                ..config()
            },
        );
        let header = json!({"alg": algorithm, "kid": "anything"});
        let token = Signer::secret(&secret).sign(&header, &payload());
        assert_eq!(&*world.accept(&token).subject, "alice");
        let token = Signer::secret(&[8; 32]).sign(&header, &payload());
        assert_eq!(world.refuse(&token), Refusal::Invalid);
    }
}

/// S3-6: what the policy and the limits need to know.
#[test]
fn claims_name_subject_roles_groups_client_and_audiences() {
    let signer = Signer::p256();
    let world = World::new(&signer, |config| {
        config.subject_claim = "email".into();
        config.subject_prefix = "idp:".into();
        config.roles_claim = "roles".into();
        config.groups_claim = "grp".into();
    });
    let token = world.token(
        &signer,
        &json!({
            "aud": ["other", "https://a.test/mcp"], "email": "a@b.test", "roles": "dev  ops",
            "grp": ["Staff", "", "a b"], "client_id": "c1", "azp": "c2",
        }),
    );
    let claims = world.accept(&token);
    assert_eq!(&*claims.subject, "idp:a@b.test");
    assert_eq!(claims.roles, ["dev".into(), "ops".into()].into());
    assert_eq!(claims.groups, ["Staff".into(), "a b".into()].into());
    assert_eq!(claims.client.as_deref(), Some("c1"));
    assert_eq!(
        *claims.audiences,
        ["other".into(), "https://a.test/mcp".into()]
    );
    assert_eq!(claims.expires, now() + Duration::from_mins(5) + LEEWAY);
    assert_eq!(claims.kid.as_deref(), Some("k1"));
    assert!(world.keys.holds(claims.key) && world.keys.has("k1"));

    let token = world.token(&signer, &json!({"email": "a@b.test", "azp": "c2"}));
    assert_eq!(world.accept(&token).client.as_deref(), Some("c2"));
}

/// TK-02: the clocks may differ by 30 s, and one second more is too much. Said only of what was good.
#[test]
fn an_expired_token_is_told_from_an_invalid_one_only_if_all_else_holds() {
    let signer = Signer::p256();
    let world = World::new(&signer, |_| {});
    let exp = |seconds: i64| json!({"exp": NOW.cast_signed() + seconds});
    world.accept(&world.token(&signer, &exp(-29)));
    for late in [-30, -31, -86_400] {
        let token = world.token(&signer, &exp(late));
        assert_eq!(world.refuse(&token), Refusal::Expired, "{late}");
        let forged = world.token(&Signer::p256(), &exp(late));
        assert_eq!(world.refuse(&forged), Refusal::Invalid);
        for (claim, wrong) in [("iss", "https://evil.test"), ("aud", "x"), ("sub", "")] {
            let mut claims = exp(late);
            claims[claim] = wrong.into();
            let token = world.token(&signer, &claims);
            assert_eq!(world.refuse(&token), Refusal::Invalid, "{claim}");
        }
        let header = json!({"alg": "ES256", "kid": "gone"});
        let token = signer.sign(&header, &merged(&exp(late)));
        assert_eq!(world.refuse(&token), Refusal::Invalid);
    }
}

/// TK-03, TK-09.
#[test]
fn another_audience_or_issuer_is_refused() {
    let signer = Signer::p256();
    let world = World::new(&signer, |_| {});
    world.accept(&world.token(&signer, &json!({})));
    for wrong in [
        json!({"aud": "https://b.test/mcp"}),
        json!({"aud": ["https://a.test/mcp/", "https://a.test"]}),
        json!({"aud": []}),
        json!({"aud": null}),
        json!({"aud": {"https://a.test/mcp": 1}}),
        json!({"aud": ["https://a.test/mcp", 1]}),
        json!({"iss": "https://evil.test"}),
        json!({"iss": "https://idp.test/"}),
        json!({"iss": ["https://idp.test"]}),
        json!({"iss": null}),
    ] {
        let token = world.token(&signer, &wrong);
        assert_eq!(world.refuse(&token), Refusal::Invalid, "{wrong}");
    }
    for missing in ["iss", "aud", "exp", "sub"] {
        let mut claims = payload();
        claims.as_object_mut().unwrap().remove(missing);
        let token = signer.sign(&header(&signer), &claims);
        assert_eq!(world.refuse(&token), Refusal::Invalid, "{missing}");
    }
}

/// TK-04.
#[test]
fn an_unsigned_token_is_refused_in_every_spelling() {
    let signer = Signer::p256();
    let world = World::new(&signer, |_| {});
    let good = world.token(&signer, &json!({}));
    world.accept(&good);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (_, claims) = message.split_once('.').unwrap();
    assert_eq!(world.refuse(&format!("{message}.")), Refusal::Invalid);
    for none in ["none", "None", "nOnE", "NONE", "", "es256", "ES256 "] {
        let header = encoded(&json!({"alg": none, "kid": "k1"}));
        for signature in ["", signature] {
            let token = format!("{header}.{claims}.{signature}");
            assert_eq!(world.refuse(&token), Refusal::Invalid, "{none}");
        }
    }
    for odd in [
        json!({"kid": "k1"}),
        json!({"alg": null}),
        json!({"alg": ["ES256"]}),
    ] {
        let token = format!("{}.{claims}.{signature}", encoded(&odd));
        assert_eq!(world.refuse(&token), Refusal::Invalid, "{odd}");
    }
}

/// TK-05: nothing that is public can stand in for a secret, and no key serves an algorithm of another
/// kind or than it is for.
#[test]
fn a_public_key_is_never_a_secret_nor_of_another_kind() {
    let signer = Signer::rsa();
    let world = World::new(&signer, |_| {});
    world.accept(&world.token(&signer, &json!({})));
    for form in signer.public_forms("k1") {
        for algorithm in ["HS256", "HS384", "HS512"] {
            let header = json!({"alg": algorithm, "kid": "k1"});
            let token = Signer::secret(&form).sign(&header, &payload());
            assert_eq!(world.refuse(&token), Refusal::Invalid);
        }
    }
    // ES256 is listed, but the key that is named is an RSA key.
    let crossed = Signer::p256().sign(&json!({"alg": "ES256", "kid": "k1"}), &payload());
    assert_eq!(world.refuse(&crossed), Refusal::Invalid);
    // The signature is good, but the key is for RS256.
    let mut jwk = signer.jwk("k1");
    jwk["alg"] = "RS256".into();
    let narrow = World::of(
        set(&[jwk]),
        &JwtAuthenticator {
            algorithms: vec!["RS256".into(), "PS256".into()],
            ..config()
        },
    );
    narrow.accept(&narrow.token(&signer, &json!({})));
    let token = signer.sign(&json!({"alg": "PS256", "kid": "k1"}), &payload());
    assert_eq!(narrow.refuse(&token), Refusal::Invalid);
    // Not in the list, though the key could.
    let token = signer.sign(&json!({"alg": "RS384", "kid": "k1"}), &payload());
    assert_eq!(world.refuse(&token), Refusal::Invalid);
}

/// TK-06: a strange key id is unknown and no more; one that is no text or absurdly long is not looked up.
#[test]
fn key_ids_are_names_and_nothing_else() {
    let signer = Signer::p256();
    let world = World::new(&signer, |_| {});
    world.accept(&world.token(&signer, &json!({})));
    for kid in ["../../dev/null", "' OR 1=1", "K1", "k1 ", ""] {
        let token = signer.sign(&json!({"alg": "ES256", "kid": kid}), &payload());
        assert_eq!(world.refuse(&token), Refusal::UnknownKey, "{kid}");
        let hopeless = signer.sign(
            &json!({"alg": "ES256", "kid": kid}),
            &merged(&json!({"iss": "https://evil.test"})),
        );
        assert_eq!(world.refuse(&hopeless), Refusal::Invalid, "{kid}");
    }
    for kid in [json!(1), json!(null), json!(["k1"]), json!("k".repeat(257))] {
        let token = signer.sign(&json!({"alg": "ES256", "kid": kid}), &payload());
        assert_eq!(world.refuse(&token), Refusal::Invalid, "{kid}");
    }
}

/// S3-12: the token must say which key, unless only one can be meant.
#[test]
fn a_kid_is_needed_when_several_keys_could_be_meant() {
    let (one, two, rsa) = (Signer::p256(), Signer::p256(), Signer::rsa());
    let nameless = one.sign(&json!({"alg": "ES256"}), &payload());
    let world = World::of(set(&[one.jwk("k1"), rsa.jwk("k2")]), &config());
    assert_eq!(world.accept(&nameless).kid, None);
    let world = World::of(set(&[one.jwk("k1"), two.jwk("k2")]), &config());
    assert_eq!(world.refuse(&nameless), Refusal::Invalid);
    world.accept(&one.sign(&json!({"alg": "ES256", "kid": "k1"}), &payload()));
    let crossed = one.sign(&json!({"alg": "ES256", "kid": "k2"}), &payload());
    assert_eq!(world.refuse(&crossed), Refusal::Invalid);
    let world = World::of(set(&[rsa.jwk("k2")]), &config());
    assert_eq!(world.refuse(&nameless), Refusal::UnknownKey);
}

/// TK-07: nothing here can fetch, so what is left to show is that such headers are refused, even with
/// a good signature.
#[test]
fn a_header_that_brings_its_own_key_is_refused() {
    let signer = Signer::p256();
    let world = World::new(&signer, |_| {});
    world.accept(&world.token(&signer, &json!({})));
    let evil = Signer::p256();
    for (name, value) in [
        ("jku", json!("https://evil.test/jwks")),
        ("x5u", json!("https://evil.test/cert")),
        ("jwk", evil.jwk("k1")),
        ("crit", json!(["exp"])),
        ("jku", json!(null)),
    ] {
        let mut header = header(&signer);
        header[name] = value;
        for signer in [&signer, &evil] {
            let token = signer.sign(&header, &payload());
            assert_eq!(world.refuse(&token), Refusal::Invalid, "{name}");
        }
    }
}

/// TK-08 (CVE-2026-25537): a claim of the wrong type is not a missing one.
#[test]
fn claims_of_the_wrong_type_are_refused() {
    let signer = Signer::p256();
    let world = World::new(&signer, |config| {
        config.roles_claim = "roles".into();
        config.groups_claim = "groups".into();
    });
    world.accept(&world.token(&signer, &json!({"nbf": NOW, "iat": NOW})));
    world.accept(&world.token(&signer, &json!({"exp": 1e9 + 1e9, "nbf": 0.5})));
    for wrong in [
        json!({"exp": "never"}),
        json!({"exp": null}),
        json!({"exp": (NOW + 300).to_string()}),
        json!({"exp": [NOW + 300]}),
        json!({"exp": true}),
        json!({"exp": 1e300}),
        json!({"exp": -1}),
        json!({"nbf": "0"}),
        json!({"nbf": null}),
        json!({"nbf": NOW + 31}),
        json!({"iat": "0"}),
        json!({"iat": null}),
        json!({"sub": 7}),
        json!({"sub": null}),
        json!({"sub": ["alice"]}),
        json!({"roles": 1}),
        json!({"roles": ["dev", 1]}),
        json!({"groups": {"a": 1}}),
        json!({"client_id": 1}),
    ] {
        let token = world.token(&signer, &wrong);
        assert_eq!(world.refuse(&token), Refusal::Invalid, "{wrong}");
    }
}

/// S2-10: no issuer can name somebody of ours.
#[test]
fn a_subject_that_is_ours_to_give_is_refused() {
    let signer = Signer::p256();
    let world = World::new(&signer, |_| {});
    for wrong in [
        "anonymous",
        "keys/ci",
        "tokens/x",
        "a\u{0}b",
        &"a".repeat(257),
    ] {
        let token = world.token(&signer, &json!({"sub": wrong}));
        assert_eq!(world.refuse(&token), Refusal::Invalid, "{wrong}");
    }
    let prefixed = World::new(&signer, |config| config.subject_prefix = "idp:".into());
    let token = prefixed.token(&signer, &json!({"sub": "keys/ci"}));
    assert_eq!(&*prefixed.accept(&token).subject, "idp:keys/ci");
}

/// TK-10: texts that are no tokens.
#[test]
fn fabricated_texts_are_malformed() {
    let signer = Signer::p256();
    let world = World::new(&signer, |_| {});
    let good = world.token(&signer, &json!({}));
    world.accept(&good);
    for bad in [
        String::new(),
        "sk-made-up".into(),
        "x.y.z".into(),
        "..".into(),
        "a.b".into(),
        format!("{good}.x"),
        format!(".{good}"),
        format!(" {good}"),
        good.replacen('.', "=.", 1),
        format!("{}.{}.x", encoded(&json!([])), encoded(&payload())),
        format!("{}.{}.x", encoded(&header(&signer)), encoded(&json!("a"))),
    ] {
        assert_eq!(world.refuse(&bad), Refusal::Malformed, "{bad}");
    }
}

/// TK-14: what an issuer makes for another purpose carries another type or another audience.
#[test]
fn a_token_of_another_class_is_refused() {
    let signer = Signer::p256();
    let world = World::new(&signer, |config| config.token_type = "at+jwt".into());
    let typed = |typ: Value| {
        let mut header = header(&signer);
        header["typ"] = typ;
        signer.sign(&header, &payload())
    };
    for good in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        world.accept(&typed(good.into()));
    }
    for bad in [
        json!("JWT"),
        json!("rt+jwt"),
        json!(""),
        json!(null),
        json!(1),
    ] {
        assert_eq!(world.refuse(&typed(bad.clone())), Refusal::Invalid, "{bad}");
    }
    let token = signer.sign(&header(&signer), &payload());
    assert_eq!(world.refuse(&token), Refusal::Invalid);
    // An id token is for the client.
    let token = World::new(&signer, |_| {}).token(&signer, &json!({"aud": "client-1"}));
    assert_eq!(world.refuse(&token), Refusal::Invalid);
}

/// TK-15.
#[test]
fn a_token_of_absurd_size_is_not_looked_at() {
    let signer = Signer::p256();
    let world = World::new(&signer, |_| {});
    world.accept(&world.token(&signer, &json!({"pad": "x".repeat(8 * 1024)})));
    let token = world.token(&signer, &json!({"pad": "x".repeat(48 * 1024)}));
    assert!(token.len() > 64 * 1000);
    assert_eq!(world.refuse(&token), Refusal::Malformed);
}

/// S3-12.
#[test]
fn required_claims_are_checked_by_type_and_value() {
    let signer = Signer::p256();
    for (kind, values, good, bad) in [
        ("", &[][..], json!("x"), json!(1)),
        ("string", &["a", "b"], json!("b"), json!("c")),
        ("string", &[], json!(""), json!(null)),
        ("number", &["1", "2.5"], json!(2.5), json!(3)),
        ("number", &[], json!(0), json!("0")),
        ("boolean", &["true"], json!(true), json!(false)),
        ("boolean", &[], json!(false), json!("false")),
        ("array", &["a", "b"], json!(["x", "b"]), json!(["x"])),
        ("array", &[], json!([]), json!("a")),
    ] {
        let world = World::new(&signer, |config| {
            config.required_claims = vec![RequiredClaim {
                name: "tenant".into(),
                r#type: kind.into(),
                values: values.iter().map(|value| (*value).into()).collect(),
            }];
        });
        world.accept(&world.token(&signer, &json!({"tenant": good})));
        let token = world.token(&signer, &json!({"tenant": bad}));
        assert_eq!(world.refuse(&token), Refusal::Invalid, "{kind} {bad}");
        let token = world.token(&signer, &json!({}));
        assert_eq!(world.refuse(&token), Refusal::Invalid, "{kind}");
    }
}

#[test]
fn any_changed_character_of_a_token_is_refused() {
    let signer = Signer::ed();
    let world = World::new(&signer, |config| config.algorithms = vec!["EdDSA".into()]);
    let good = world.token(&signer, &json!({}));
    world.accept(&good);
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        world.refuse(&String::from_utf8(bytes).unwrap());
    }
}
