//! From arguments to requests, and what is said of a detached credential.

use std::{fs, path::Path};

use proto::admin::v1::{AuthScheme, Credential, CredentialInput, Server, credential::State};

use super::*;
use crate::cmd::{Command, tests::command};

/// S1-2, S1-4.
#[test]
fn create_sends_what_was_given_and_the_file_s_content() {
    let request = with_file("secret\n", |path| {
        let line = format!(
            "aldgate server create files --tenant acme --url http://127.0.0.1:9101/mcp --timeout 90s \
             --description tools --auth-scheme bearer --auth-credential-file {}",
            path.display()
        );
        request::create(&create_args(&line))
    })
    .unwrap();
    assert_eq!(
        (request.parent.as_str(), request.server_id.as_str()),
        ("tenants/acme", "files")
    );
    let server = request.server.unwrap();
    assert_eq!(server.url, "http://127.0.0.1:9101/mcp");
    assert_eq!(server.timeout.unwrap().seconds, 90);
    assert_eq!(server.description, "tools");
    let credential = request.credential.unwrap();
    assert_eq!(
        (credential.scheme(), credential.value.as_str()),
        (AuthScheme::Bearer, "secret")
    );
}

/// S1-3: the default is no credential.
#[test]
fn create_without_a_scheme_sends_no_credential() {
    let request = request::create(&create_args(
        "aldgate server create files --tenant acme --url http://h/mcp",
    ))
    .unwrap();
    assert!(request.credential.is_none());
}

/// S1-11.
#[test]
fn tools_given_by_hand_come_from_a_file() {
    let request = with_file("[]", |path| {
        let line = format!(
            "aldgate server create files --tenant acme --url http://h/mcp --tool-list-json-file {}",
            path.display()
        );
        request::create(&create_args(&line))
    });
    assert_eq!(request.unwrap().server.unwrap().tool_list_json, "[]");
}

#[test]
fn stdin_can_be_read_for_one_value_only() {
    let line = "aldgate server create files --tenant acme --url http://h/mcp --tool-list-json-file - \
                --auth-scheme bearer --auth-credential-file -";
    let error = request::create(&create_args(line)).unwrap_err();
    assert!(
        error.to_string().starts_with("--tool-list-json-file: "),
        "{error}"
    );
}

#[test]
fn update_names_only_the_fields_that_were_given() {
    let Command::Server(Verb::Update(args)) =
        command("aldgate server update files --tenant acme --url http://h/mcp --etag 4")
    else {
        panic!("not an update");
    };
    let request = request::update(&args).unwrap();
    assert_eq!(request.update_mask.unwrap().paths, ["url"]);
    let server = request.server.unwrap();
    assert_eq!(
        (server.name.as_str(), server.etag.as_str()),
        ("tenants/acme/servers/files", "4")
    );
}

/// S1-5, S1-6, S1-15.
#[test]
fn an_api_key_may_have_a_header_of_its_own() {
    let plain = credential("api_key", "").unwrap();
    assert_eq!(
        (plain.scheme(), plain.header_name.as_str()),
        (AuthScheme::ApiKey, "")
    );
    let own = credential("api_key", " --auth-header-name X-Own").unwrap();
    assert_eq!(own.header_name, "X-Own");
}

/// S1-16.
#[test]
fn the_scheme_none_removes_the_credential() {
    let removal =
        set_credential("aldgate server set-credential files --tenant acme --auth-scheme none")
            .unwrap();
    assert_eq!(
        (removal.scheme(), removal.value.as_str()),
        (AuthScheme::None, "")
    );
}

#[test]
fn contradictions_name_the_flag_to_mend() {
    let base = "aldgate server set-credential files --tenant acme";
    for (rest, flag) in [
        ("--auth-scheme bearer", "--auth-credential-file: "),
        ("--auth-scheme api_key", "--auth-credential-file: "),
        (
            "--auth-scheme none --auth-credential-file f",
            "--auth-credential-file: ",
        ),
        (
            "--auth-scheme none --auth-header-name X",
            "--auth-header-name: ",
        ),
        (
            "--auth-scheme bearer --auth-header-name X --auth-credential-file f",
            "--auth-header-name: ",
        ),
    ] {
        let error = set_credential(&format!("{base} {rest}")).unwrap_err();
        assert!(error.to_string().starts_with(flag), "{rest}: {error}");
    }
    let line = "aldgate server create files --tenant acme --url http://h --auth-credential-file f";
    let error = request::create(&create_args(line)).unwrap_err();
    assert!(error.to_string().starts_with("--auth-scheme: "), "{error}");
}

#[test]
fn a_detached_credential_is_reported_with_the_command_that_mends_it() {
    let args = ServerArgs {
        name: "files".parse().unwrap(),
        tenant: "acme".parse().unwrap(),
    };
    assert_eq!(credential::detached(&server(State::Active), &args), None);
    insta::assert_snapshot!(credential::detached(&server(State::Detached), &args).unwrap(), @r"
    warning: the credential is detached, because it was set for another origin; calls fail until it is set anew:
      aldgate server set-credential files --tenant acme --auth-scheme api_key --auth-header-name X-Own --auth-credential-file -
    ");
}

fn server(state: State) -> Server {
    Server {
        credential: Some(Credential {
            scheme: AuthScheme::ApiKey.into(),
            header_name: "X-Own".into(),
            state: state.into(),
            ..Credential::default()
        }),
        ..Server::default()
    }
}

fn create_args(line: &str) -> CreateArgs {
    match command(&line.split_whitespace().collect::<Vec<_>>().join(" ")) {
        Command::Server(Verb::Create(args)) => args,
        other => panic!("not a create: {other:?}"),
    }
}

fn credential(scheme: &str, rest: &str) -> Result<CredentialInput, Failure> {
    with_file("secret", |path| {
        set_credential(&format!(
            "aldgate server set-credential files --tenant acme --auth-scheme {scheme} --auth-credential-file {}{rest}",
            path.display()
        ))
    })
}

fn set_credential(line: &str) -> Result<CredentialInput, Failure> {
    match command(line) {
        Command::Server(Verb::SetCredential(args)) => {
            request::set_credential(&args).map(|request| request.credential.unwrap())
        }
        other => panic!("not a set-credential: {other:?}"),
    }
}

fn with_file<T>(content: &str, then: impl FnOnce(&Path) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("value");
    fs::write(&path, content).unwrap();
    then(&path)
}
