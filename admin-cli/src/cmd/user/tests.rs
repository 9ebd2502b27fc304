//! What is sent for each line.

use std::fs;

use clap::Parser as _;
use proto::admin::v1::{AdminRole, CreateUserRequest};

use super::*;
use crate::{
    args::Cli,
    cmd::{Command, tests::command},
};

#[test]
fn create_sends_what_was_given() {
    let request = create(
        "aldgate user create ada --tenant acme --login ada@acme.com --role dev --group staff --admin-role viewer --generate",
    )
    .unwrap();
    assert_eq!(
        (request.parent.as_str(), request.user_id.as_str()),
        ("tenants/acme", "ada")
    );
    let user = request.user.unwrap();
    assert_eq!(user.login, "ada@acme.com");
    assert_eq!(
        (user.roles, user.groups),
        (vec!["dev".into()], vec!["staff".into()])
    );
    assert_eq!(AdminRole::try_from(user.admin_role), Ok(AdminRole::Viewer));
    assert!(request.password.unwrap().generate);
}

#[test]
fn a_password_comes_from_a_file_and_never_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    fs::write(&path, "correct horse battery\n").unwrap();
    let base = "aldgate user create ada --tenant acme --login ada";
    let request = create(&format!("{base} --password-file {}", path.display())).unwrap();
    assert_eq!(request.password.unwrap().password, "correct horse battery");
    let request = create(&format!("{base} --no-password")).unwrap();
    assert_eq!(request.password, None);
    for bad in ["--password secret", "--generate --no-password"] {
        let line = format!("{base} {bad}");
        assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{bad}");
    }
}

#[test]
fn update_names_only_the_fields_that_were_given() {
    for (rest, paths) in [
        ("--disable", vec!["disabled"]),
        ("--clear-roles --group a", vec!["roles", "groups"]),
        ("--admin-role none", vec!["admin_role"]),
        ("--login ada@b.test --enable", vec!["login", "disabled"]),
    ] {
        let line = format!("aldgate user update ada --tenant acme {rest}");
        let Command::User(Verb::Update(args)) = command(&line) else {
            panic!("not an update");
        };
        let request = request::update(&args).unwrap();
        assert_eq!(request.update_mask.unwrap().paths, paths, "{rest}");
        assert_eq!(request.user.unwrap().disabled, rest == "--disable");
    }
}

fn create(line: &str) -> Result<CreateUserRequest, Failure> {
    match command(line) {
        Command::User(Verb::Create(args)) => request::create(&args),
        other => panic!("not a create: {other:?}"),
    }
}
