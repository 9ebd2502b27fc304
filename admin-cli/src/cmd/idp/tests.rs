//! What is sent for each line.

use std::fs;

use super::*;
use crate::{
    args::Format,
    cmd::{Command, tests::command},
};

#[test]
fn create_sends_what_was_given() {
    let provider = create(
        "aldgate idp create corp --tenant acme --issuer https://id.acme.com --client-id aldgate --public-client --groups-claim groups --group-role a=b=dev,ops --create-users --email-domain acme.com",
    );
    assert_eq!(provider.issuer, "https://id.acme.com");
    assert_eq!(provider.group_roles[0].group, "a=b");
    assert_eq!(provider.group_roles[0].roles, ["dev", "ops"]);
    assert!(provider.create_users);
    assert_eq!(provider.client_secret, "");
}

#[test]
fn the_secret_comes_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, "s3cret\n").unwrap();
    let provider = create(&format!(
        "aldgate idp create corp --tenant acme --issuer https://id.acme.com --client-id aldgate --client-secret-file {}",
        path.display()
    ));
    assert_eq!(provider.client_secret, "s3cret");
}

#[test]
fn an_operator_file_says_it_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("idp.yaml");
    fs::write(
        &path,
        "issuer: https://id.acme.com\nclient_id: aldgate\nclient_secret: 'x${HOME_OF_NOBODY}y'\ngroup_roles:\n  - {group: staff, roles: [dev]}\n",
    )
    .unwrap();
    let provider = create(&format!(
        "aldgate idp create corp --tenant acme --file {}",
        path.display()
    ));
    assert_eq!(provider.client_secret, "xy");
    assert_eq!(provider.group_roles[0].roles, ["dev"]);
}

#[test]
fn update_names_only_the_fields_that_were_given() {
    for (rest, paths) in [
        ("--public-client", vec!["client_secret"]),
        ("--create-users false", vec!["create_users"]),
        ("--clear-scopes --disable", vec!["scopes", "disabled"]),
    ] {
        let line = format!("aldgate idp update corp --tenant acme {rest}");
        let Command::Idp(Verb::Update(args)) = command(&line) else {
            panic!("not an update");
        };
        let request = request::update(&args).unwrap();
        assert_eq!(request.update_mask.unwrap().paths, paths, "{rest}");
    }
}

fn create(line: &str) -> IdentityProvider {
    match command(line) {
        Command::Idp(Verb::Create(args)) => request::create(&args, &Printer::new(Format::Json))
            .unwrap()
            .identity_provider
            .unwrap(),
        other => panic!("not a create: {other:?}"),
    }
}
