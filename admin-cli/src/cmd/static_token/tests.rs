//! From arguments to requests, and the shape of a new static token.

use std::{fs, path::Path};

use clap::Parser as _;
use proto::admin::v1::{
    CreateStaticTokenRequest, CreateStaticTokenResponse, KeyLifespan, StaticToken, StaticTokenType,
    UpdateStaticTokenRequest,
};

use super::*;
use crate::{
    args::{Cli, Format},
    cmd::{Command, tests::command},
};

/// S0-8, S0-9.
#[test]
fn types_and_lifespans_are_sent() {
    for (text, kind) in [
        ("bearer", StaticTokenType::Bearer),
        ("api-key", StaticTokenType::ApiKey),
        ("x-api-key", StaticTokenType::XApiKey),
        ("basic", StaticTokenType::Basic),
    ] {
        let request = create(&format!("{CREATE} --type {text} --lifespan 15d --generate")).unwrap();
        assert_eq!(request.lifespan(), KeyLifespan::FifteenDays);
        let token = request.static_token.unwrap();
        assert_eq!(token.r#type(), kind);
        assert_eq!(token.server, "tenants/acme/servers/files");
    }
}

/// S0-11, S0-12.
#[test]
fn the_value_comes_in_exactly_one_way() {
    let bearer = format!("{CREATE} --type bearer --lifespan permanent");
    let generated = create(&format!("{bearer} --generate"))
        .unwrap()
        .input
        .unwrap();
    assert!(generated.generate && generated.value.is_empty());
    with_file("pasted-value\n", |path| {
        let pasted = create(&format!("{bearer} --value-file {path}"))
            .unwrap()
            .input
            .unwrap();
        assert_eq!(
            (pasted.value.as_str(), pasted.generate),
            ("pasted-value", false)
        );
        let basic =
            format!("{CREATE} --type basic --lifespan 7d --user ann --password-file {path}");
        let basic = create(&basic).unwrap().input.unwrap().basic.unwrap();
        assert_eq!(
            (basic.user.as_str(), basic.password.as_str()),
            ("ann", "pasted-value")
        );
        let wrong = create(&format!("{bearer} --user ann --password-file {path}")).unwrap_err();
        assert!(wrong.to_string().starts_with("--user: "), "{wrong}");
    });
    for bad in [
        "",
        " --generate --value-file f",
        " --user ann",
        " --password-file f",
        " --value secret",
    ] {
        let line = format!("{bearer}{bad}");
        assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
    }
}

/// S0-13, S0-14: values from the file alone, each header with a switch of its own.
#[test]
fn headers_come_from_a_file_with_their_switches() {
    let file = "- {name: X-Org, value: acme}\n- {name: X-Key, value: k, passthrough: true}\n";
    with_file(file, |path| {
        let base = format!("{CREATE} --type bearer --lifespan 7d --generate --headers-file {path}");
        let switches = |line: &str| -> Vec<_> {
            let token = create(line).unwrap().static_token.unwrap();
            token
                .headers
                .iter()
                .map(|header| header.passthrough)
                .collect()
        };
        assert_eq!(switches(&base), [false, true]);
        assert_eq!(switches(&format!("{base} --header x-org")), [true, true]);
        let unknown = create(&format!("{base} --header X-Other")).unwrap_err();
        assert!(unknown.to_string().starts_with("--header: "), "{unknown}");
    });
}

#[test]
fn stdin_can_be_read_for_one_value_only() {
    let line = format!("{CREATE} --type bearer --lifespan 7d --value-file - --headers-file -");
    let error = create(&line).unwrap_err();
    assert!(error.to_string().starts_with("--value-file: "), "{error}");
}

#[test]
fn update_names_only_the_fields_that_were_given() {
    for (flags, paths) in [
        ("--subject ann", &["subject"][..]),
        ("--role dev --role ops", &["roles"]),
        ("--clear-roles --clear-headers", &["roles", "headers"]),
        ("--passthrough", &["passthrough"]),
        ("--no-passthrough --disable", &["passthrough", "disabled"]),
        ("--display-name x --enable", &["display_name", "disabled"]),
    ] {
        let request = update(&format!(
            "aldgate static-token update ci --tenant acme {flags}"
        ));
        assert_eq!(request.update_mask.unwrap().paths, paths);
        assert_eq!(
            request.static_token.unwrap().name,
            "tenants/acme/staticTokens/ci"
        );
    }
}

#[test]
fn a_new_static_token_has_a_documented_shape() {
    let answer = CreateStaticTokenResponse {
        static_token: Some(StaticToken {
            name: "tenants/acme/staticTokens/ci".into(),
            ..StaticToken::default()
        }),
        header_value: "Bearer x".into(),
        header_name: "Authorization".into(),
        revision: 17,
    };
    insta::assert_json_snapshot!(Created::of(&answer), @r#"
    {
      "header_name": "Authorization",
      "header_value": "Bearer x",
      "name": "tenants/acme/staticTokens/ci",
      "expire_time": null,
      "revision": "17"
    }
    "#);
}

const CREATE: &str = "aldgate static-token create ci --tenant acme --server files";

fn create(line: &str) -> Result<CreateStaticTokenRequest, Failure> {
    match command(line) {
        Command::StaticToken(Verb::Create(args)) => request::create(&args, &printer()),
        other => panic!("not a create: {other:?}"),
    }
}

fn update(line: &str) -> UpdateStaticTokenRequest {
    match command(line) {
        Command::StaticToken(Verb::Update(args)) => request::update(&args, &printer()).unwrap(),
        other => panic!("not an update: {other:?}"),
    }
}

fn printer() -> Printer {
    Printer::new(Format::Table)
}

fn with_file(content: &str, then: impl FnOnce(&str)) {
    let folder = tempfile::tempdir().unwrap();
    let path: &Path = &folder.path().join("value");
    fs::write(path, content).unwrap();
    then(path.to_str().unwrap());
}
