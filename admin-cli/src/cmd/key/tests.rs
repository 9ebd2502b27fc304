//! From arguments to requests, and the shape of a new key.

use clap::Parser as _;
use prost_types::Timestamp;
use proto::admin::v1::{CreateKeyRequest, Key, KeyLifespan, RotateKeyRequest, UpdateKeyRequest};

use super::*;
use crate::{
    args::Cli,
    cmd::{Command, tests::command},
};

/// S0-8.
#[test]
fn the_four_lifespans_are_sent() {
    for (text, lifespan) in [
        ("7d", KeyLifespan::SevenDays),
        ("15d", KeyLifespan::FifteenDays),
        ("30d", KeyLifespan::ThirtyDays),
        ("permanent", KeyLifespan::Permanent),
    ] {
        let request = create(&format!(
            "aldgate key create ci --tenant acme --server files --lifespan {text}"
        ));
        assert_eq!(request.lifespan(), lifespan);
    }
    let other = "aldgate key create ci --tenant acme --server files --lifespan 8d";
    assert!(Cli::try_parse_from(other.split(' ')).is_err());
}

#[test]
fn a_key_opens_the_servers_that_were_given() {
    let request =
        create("aldgate key create ci --tenant acme --server files --server mail --lifespan 7d");
    let key = request.key.unwrap();
    assert_eq!(
        (request.parent.as_str(), request.key_id.as_str()),
        ("tenants/acme", "ci")
    );
    assert_eq!(
        key.servers,
        ["tenants/acme/servers/files", "tenants/acme/servers/mail"]
    );
    assert!(!key.all_servers);
}

#[test]
fn what_a_key_opens_must_be_said_and_only_once() {
    let good = "aldgate key create ci --tenant acme --lifespan 7d --all-servers";
    assert!(create(good).key.unwrap().all_servers);
    for bad in [
        "aldgate key create ci --tenant acme --lifespan 7d",
        "aldgate key create ci --tenant acme --lifespan 7d --all-servers --server files",
    ] {
        assert!(Cli::try_parse_from(bad.split(' ')).is_err(), "{bad}");
    }
}

#[test]
fn disable_and_enable_set_the_same_field() {
    for (flag, disabled) in [("--disable", true), ("--enable", false)] {
        let request = update(&format!("aldgate key update ci --tenant acme {flag}"));
        assert_eq!(request.update_mask.unwrap().paths, ["disabled"]);
        assert_eq!(request.key.unwrap().disabled, disabled);
    }
    let both = "aldgate key update ci --tenant acme --disable --enable";
    assert!(Cli::try_parse_from(both.split(' ')).is_err());
}

#[test]
fn new_servers_take_the_place_of_all_servers() {
    let request = update("aldgate key update ci --tenant acme --server files");
    assert_eq!(
        request.update_mask.unwrap().paths,
        ["all_servers", "servers"]
    );
    let key = request.key.unwrap();
    assert_eq!(key.servers, ["tenants/acme/servers/files"]);
    assert!(!key.all_servers);
}

/// S2-4, S2-7.
#[test]
fn scopes_are_sent_as_they_were_given() {
    let none = create("aldgate key create ci --tenant acme --all-servers --lifespan 7d");
    assert!(none.key.unwrap().scopes.is_empty());
    let two = create(
        "aldgate key create ci --tenant acme --all-servers --lifespan 7d --scope files:read --scope *:write",
    );
    assert_eq!(two.key.unwrap().scopes, ["files:read", "*:write"]);
}

/// S2-4.
#[test]
fn scopes_can_be_changed_and_taken_away() {
    for (flags, scopes) in [
        ("--scope files:read", &["files:read"][..]),
        ("--all-scopes", &[]),
    ] {
        let request = update(&format!("aldgate key update ci --tenant acme {flags}"));
        assert_eq!(request.update_mask.unwrap().paths, ["scopes"]);
        assert_eq!(request.key.unwrap().scopes, scopes);
    }
    let both = "aldgate key update ci --tenant acme --all-scopes --scope files:read";
    assert!(Cli::try_parse_from(both.split(' ')).is_err());
}

/// S2-8.
#[test]
fn a_rotation_says_how_long_the_secret_before_works() {
    let plain = rotate("aldgate key rotate ci --tenant acme");
    assert_eq!(
        (plain.name.as_str(), plain.overlap),
        ("tenants/acme/keys/ci", None)
    );
    let overlapping = rotate("aldgate key rotate ci --tenant acme --overlap 24h --etag 4");
    assert_eq!(overlapping.overlap.unwrap().seconds, 86_400);
    assert_eq!(overlapping.etag, "4");
}

#[test]
fn a_new_key_has_a_documented_shape() {
    let time = Timestamp {
        seconds: 1_800_000_000,
        nanos: 0,
    };
    insta::assert_json_snapshot!(created(Some(time)), @r#"
    {
      "key": "mcp_sk_x",
      "name": "tenants/acme/keys/ci",
      "expire_time": "2027-01-15T08:00:00Z",
      "revision": "17"
    }
    "#);
    insta::assert_json_snapshot!(created(None).expire_time, @"null");
}

fn created(expire_time: Option<Timestamp>) -> Created<'static> {
    let key = Key {
        name: "tenants/acme/keys/ci".into(),
        expire_time,
        ..Key::default()
    };
    Created::of(Some(key), "mcp_sk_x", 17)
}

fn create(line: &str) -> CreateKeyRequest {
    match command(line) {
        Command::Key(Verb::Create(args)) => request::create(&args),
        other => panic!("not a create: {other:?}"),
    }
}

fn update(line: &str) -> UpdateKeyRequest {
    match command(line) {
        Command::Key(Verb::Update(args)) => request::update(&args).unwrap(),
        other => panic!("not an update: {other:?}"),
    }
}

fn rotate(line: &str) -> RotateKeyRequest {
    match command(line) {
        Command::Key(Verb::Rotate(args)) => request::rotate(&args),
        other => panic!("not a rotation: {other:?}"),
    }
}
