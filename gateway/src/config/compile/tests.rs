//! Whatever is sent, the fault is named and is that resource's alone (must-hold 7).

use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use proto::sync::v1::{
    AuthScheme, DefaultsConfig, EgressMode, KeyConfig, PolicyConfig, StaticTokenConfig,
    TenantConfig, ToolClass, ToolConfig,
};

use super::*;
use crate::config::samples;

#[test]
fn good_resources_compile() {
    for upsert in [
        samples::tenant(1, 5),
        samples::server((1, 1), 5, 0),
        samples::server((1, 1), 5, 3),
        samples::key((1, 1), 5),
        samples::token((1, 1), 5),
        samples::policy(1, 5),
        samples::defaults(5),
    ] {
        let compiled = compile(&upsert);
        assert!(compiled.outcome.is_ok(), "{compiled:?}");
        assert_eq!(
            (compiled.name.to_string(), compiled.revision),
            (upsert.name, 5)
        );
    }
}

#[test]
fn the_credential_that_goes_with_a_server_follows_from_scheme_generation_and_detachment() {
    let need_of = |mode: EgressMode, scheme: AuthScheme, generation, detached| {
        let config = ServerConfig {
            auth_scheme: scheme.into(),
            credential_detached: detached,
            egress_mode: mode.into(),
            ..samples::server_config((1, 1), 5, generation)
        };
        match compile(&samples::server_upsert((1, 1), 5, &config)).outcome {
            Ok(Spec::Server(_, _, spec)) => spec.need,
            other => panic!("{other:?}"),
        }
    };
    let need =
        |scheme, generation, detached| need_of(EgressMode::Shared, scheme, generation, detached);
    let credential = CredentialNeed::Generation(4, Content::Credential);
    let headers = CredentialNeed::Generation(4, Content::TokenHeaders);
    assert_eq!(need(AuthScheme::None, 0, false), CredentialNeed::None);
    assert_eq!(need(AuthScheme::None, 4, false), headers);
    assert_eq!(need(AuthScheme::Bearer, 4, false), credential);
    assert_eq!(need(AuthScheme::ApiKey, 4, false), credential);
    for mode in [EgressMode::Passthrough, EgressMode::None] {
        let need = |generation| need_of(mode, AuthScheme::Bearer, generation, true);
        assert_eq!((need(0), need(4)), (CredentialNeed::None, headers));
    }
    assert_eq!(need(AuthScheme::Bearer, 4, true), CredentialNeed::Detached);
    assert_eq!(need(AuthScheme::Bearer, 0, false), CredentialNeed::Detached);
}

#[test]
fn an_unknown_enum_is_not_guessed_and_the_place_of_the_server_is_known() {
    for value in [0, 99, -1] {
        let config = ServerConfig {
            auth_scheme: value,
            ..samples::server_config((1, 1), 5, 0)
        };
        let fault = fault_of(&samples::server_upsert((1, 1), 5, &config));
        assert_eq!(fault.reason, Reason::UnknownEnum);
        assert_eq!(fault.slug.unwrap().as_str(), "s1");
    }
    let reason = |change: fn(&mut ServerConfig)| {
        let mut config = samples::server_config((1, 1), 5, 0);
        change(&mut config);
        fault_of(&samples::server_upsert((1, 1), 5, &config)).reason
    };
    assert_eq!(reason(|config| config.egress_mode = 0), Reason::UnknownEnum);
    assert_eq!(
        reason(|config| config.tools = vec![tool("a", 0)]),
        Reason::UnknownEnum
    );
    let fault = changed::<StaticTokenConfig>(samples::token((1, 1), 5), |config| {
        config.r#type = 9;
    });
    assert_eq!(fault.reason, Reason::UnknownEnum);
}

#[test]
fn tools_are_classed_as_the_controller_says() {
    let config = ServerConfig {
        tools: vec![
            tool("look", ToolClass::Read.into()),
            tool("pay", ToolClass::Write.into()),
        ],
        ..samples::server_config((1, 1), 5, 0)
    };
    match compile(&samples::server_upsert((1, 1), 5, &config)).outcome {
        Ok(Spec::Server(_, _, spec)) => {
            assert_eq!(spec.tools.get("look"), Some(&policy::Class::Read));
            assert_eq!(spec.tools.get("pay"), Some(&policy::Class::Write));
        }
        other => panic!("{other:?}"),
    }
    let twice = ServerConfig {
        tools: vec![tool("a", 1), tool("a", 2)],
        ..config
    };
    let fault = fault_of(&samples::server_upsert((1, 1), 5, &twice));
    assert_eq!(fault.detail, "tools[1].name");
}

/// S4-20, S4-30.
#[test]
fn authenticators_that_cannot_be_kept_refuse_their_tenant_or_server() {
    let bad = || {
        Some(access::Authenticators {
            provider: "none".to_owned(),
            ..Default::default()
        })
    };
    let fault = changed::<TenantConfig>(samples::tenant(1, 5), |config| {
        config.authenticators = bad();
    });
    assert_eq!(fault.detail, "authenticators.provider");
    let fault = changed::<ServerConfig>(samples::server((1, 1), 5, 0), |config| {
        config.authenticators = bad();
    });
    assert_eq!(fault.detail, "authenticators.provider");
}

#[test]
fn policies_tokens_scopes_and_limits_that_are_wrong_are_named_by_their_fields() {
    let key = |change: fn(&mut KeyConfig)| changed(samples::key((1, 1), 5), change).detail;
    assert_eq!(key(|key| key.scopes = vec!["no".into()]), "scopes[0]");
    let previous = key(|key| {
        key.previous_sha256 = vec![1; 31].into();
        key.previous_expire_time = Some(UNIX_EPOCH.into());
    });
    assert_eq!(previous, "previous_sha256");
    let endless = key(|key| key.previous_sha256 = vec![1; 32].into());
    assert_eq!(endless, "previous_expire_time");

    let token =
        |change: fn(&mut StaticTokenConfig)| changed(samples::token((1, 1), 5), change).detail;
    assert_eq!(token(|token| token.subject = "keys/ci".into()), "subject");
    assert_eq!(token(|token| token.subject = "tokens/x".into()), "subject");
    assert_eq!(token(|token| token.verifier.truncate(31)), "verifier");
    assert_eq!(token(|token| token.server_uid.clear()), "server_uid");
    assert_eq!(token(|token| token.pepper_id.clear()), "pepper_id");

    let policy = |change: fn(&mut PolicyConfig)| changed(samples::policy(1, 5), change).detail;
    assert_eq!(policy(|config| config.policy = None), "policy");
    let default = policy(|config| config.policy.as_mut().unwrap().default = "perhaps".into());
    assert_eq!(default, "policy.default");

    let fault = changed::<DefaultsConfig>(samples::defaults(5), |config| {
        config.limits.as_mut().unwrap().limits[0].tokens = 0;
    });
    assert_eq!(fault.detail, "limits.limits[0].tokens");
}

/// What is wrong with a good resource after a change for the worse.
fn changed<M: Message + Default>(good: Upsert, change: impl FnOnce(&mut M)) -> Fault {
    assert!(compile(&good).outcome.is_ok());
    let mut config = M::decode(good.body.clone()).unwrap();
    change(&mut config);
    let body = config.encode_to_vec().into();
    fault_of(&Upsert { body, ..good })
}

fn tool(name: &str, class: i32) -> ToolConfig {
    ToolConfig {
        name: name.to_owned(),
        class,
    }
}

#[test]
fn unknown_kinds_and_bodies_that_are_something_else_are_told_apart() {
    let reason = |change: fn(&mut Upsert)| {
        let mut upsert = samples::server((1, 1), 5, 0);
        change(&mut upsert);
        fault_of(&upsert).reason
    };
    assert_eq!(reason(|upsert| upsert.kind = 77), Reason::UnknownKind);
    assert_eq!(reason(|upsert| upsert.kind = 0), Reason::UnknownKind);
    assert_eq!(reason(|upsert| upsert.kind = 1), Reason::InvalidField);
    assert_eq!(
        reason(|upsert| upsert.body = vec![0xff].into()),
        Reason::Undecodable
    );
    assert_eq!(
        reason(|upsert| upsert.name = "servers/1".into()),
        Reason::InvalidField
    );
    assert_eq!(
        reason(|upsert| upsert.tenant = String::new()),
        Reason::InvalidField
    );
}

#[test]
fn an_invalid_field_is_named_and_its_value_is_not_shown() {
    let detail = |change: fn(&mut ServerConfig)| {
        let mut config = samples::server_config((1, 1), 5, 0);
        change(&mut config);
        fault_of(&samples::server_upsert((1, 1), 5, &config)).detail
    };
    assert_eq!(
        detail(|config| config.uid = samples::server_uid(1, 2).to_string()),
        "uid"
    );
    assert_eq!(
        detail(|config| config.tenant_uid = "x".into()),
        "tenant_uid"
    );
    assert_eq!(detail(|config| config.slug = "No".into()), "slug");
    assert_eq!(
        detail(|config| config.url = "https://u:CANARY@h/".into()),
        "url"
    );
    assert_eq!(
        detail(|config| config.first_byte_timeout = Some(Duration::ZERO.try_into().unwrap())),
        "first_byte_timeout"
    );
}

#[test]
fn tenants_and_keys_with_invalid_fields_are_refused() {
    let detail = |change: fn(&mut TenantConfig)| {
        let mut upsert = samples::tenant(1, 5);
        let mut config = TenantConfig::decode(upsert.body.clone()).unwrap();
        change(&mut config);
        upsert.body = config.encode_to_vec().into();
        fault_of(&upsert).detail
    };
    for origin in [
        "https://a.test/",
        "https://A.test",
        "https://a.test:443",
        "a.test",
        "",
    ] {
        let upsert = samples::tenant(1, 5);
        let mut config = TenantConfig::decode(upsert.body.clone()).unwrap();
        config.alias_origins.push(origin.to_owned());
        let body = config.encode_to_vec().into();
        let fault = fault_of(&Upsert { body, ..upsert });
        assert_eq!(fault.detail, "alias_origins", "{origin}");
    }
    assert_eq!(
        detail(|config| config.canonical_origin.clear()),
        "canonical_origin"
    );
    assert_eq!(
        detail(|config| config.allowed_origins.push("a b".into())),
        "allowed_origins"
    );

    let mut upsert = samples::key((1, 1), 5);
    let mut config = KeyConfig::decode(upsert.body.clone()).unwrap();
    config.sha256 = vec![1; 31].into();
    upsert.body = config.encode_to_vec().into();
    assert_eq!(fault_of(&upsert).detail, "sha256");
}

#[test]
fn a_key_without_servers_opens_none() {
    let mut upsert = samples::key((1, 1), 5);
    let mut config = KeyConfig::decode(upsert.body.clone()).unwrap();
    config.all_servers = false;
    upsert.body = config.encode_to_vec().into();
    match compile(&upsert).outcome {
        Ok(Spec::Key(_, _, key)) => assert!(!key.servers.contains(samples::server_uid(1, 1))),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_panic_while_compiling_costs_one_resource() {
    let fault = guarded::<()>(|| panic!("a bug")).unwrap_err();
    assert_eq!(fault.reason, Reason::Undecodable);
}

proptest! {
    #[test]
    fn no_body_whatever_does_harm(kind in -1..9_i32, body: Vec<u8>, revision: u64, name in ".{0,40}") {
        let upsert = Upsert { kind, revision, body: body.into(), ..samples::server((1, 1), 5, 0) };
        let _ = compile(&upsert);
        let renamed = compile(&Upsert { name, ..upsert });
        prop_assert!(renamed.outcome.is_err());
    }
}

fn fault_of(upsert: &Upsert) -> Fault {
    compile(upsert).outcome.unwrap_err()
}
