//! What is set by each line.

use std::fs;

use clap::Parser as _;
use proto::access::v1::Branding;

use super::*;
use crate::{
    args::{Cli, Format},
    cmd::{Command, tenant, tests::command},
};

#[test]
fn what_is_not_given_stays() {
    let stored = OauthSettings {
        always_ask: true,
        branding: Some(Branding {
            colour: "#112233".into(),
            ..Branding::default()
        }),
        access_token_lifetime: Some(prost_types::Duration {
            seconds: 600,
            nanos: 0,
        }),
        ..OauthSettings::default()
    };
    let set = given(
        "--access-token-lifetime default --idle-lifetime 7d --dynamic-registration false --client-documents known --help-url mailto:help@acme.com",
    )
    .apply(stored)
    .unwrap();
    assert!(set.always_ask && set.no_dynamic_registration && !set.no_passwords);
    assert_eq!(set.access_token_lifetime, None);
    assert_eq!(set.idle_lifetime.unwrap().seconds, 604_800);
    assert_eq!(set.client_documents(), DocumentPolicy::Known);
    let branding = set.branding.unwrap();
    assert_eq!(branding.colour, "#112233");
    assert_eq!(branding.help_url, "mailto:help@acme.com");
}

#[test]
fn a_logo_comes_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logo.png");
    fs::write(&path, [0x89, b'P', b'N', b'G', 0xff]).unwrap();
    let line = format!("--logo-file {}", path.display());
    let set = given(&line).apply(OauthSettings::default()).unwrap();
    assert_eq!(
        set.branding.clone().unwrap().logo,
        &[0x89, b'P', b'N', b'G', 0xff][..]
    );
    let set = given("--clear-logo").apply(set).unwrap();
    assert_eq!(set.branding, None);
}

#[test]
fn a_scope_names_its_roles_and_what_it_allows() {
    assert_eq!(
        scope("deploy:all=ops,admin=Deploy = anything"),
        Ok(RoleScope {
            name: "deploy:all".into(),
            description: "Deploy = anything".into(),
            roles: vec!["ops".into(), "admin".into()],
        })
    );
    assert!(scope("deploy=ops").is_err());
}

#[test]
fn a_file_replaces_everything_and_stands_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oauth.yaml");
    fs::write(
        &path,
        "branding: {display_name: Acme, logo: iVBORw==}\naccess_token_lifetime: 600s\nclient_documents: known\nscopes:\n  - {name: deploy, description: Deploy, roles: [ops]}\n",
    )
    .unwrap();
    let settings: OauthSettings =
        operator_file::read("--file", &path, &Printer::new(Format::Json)).unwrap();
    assert_eq!(
        settings.branding.unwrap().logo,
        &[0x89, b'P', b'N', b'G'][..]
    );
    assert_eq!(settings.scopes[0].roles, ["ops"]);
    let both = "aldgate tenant oauth set acme --file F --colour #112233";
    assert!(Cli::try_parse_from(both.split(' ')).is_err());
    assert!(given("").something().is_err());
}

fn given(rest: &str) -> GivenArgs {
    let line = format!("aldgate tenant oauth set acme {rest}");
    match command(line.trim_end()) {
        Command::Tenant(tenant::Verb::Oauth(Verb::Set(args))) => args.given,
        other => panic!("not a set: {other:?}"),
    }
}
