//! From arguments to requests, and what is said of a detached credential.

use std::{fs, path::Path};

use clap::Parser as _;
use proto::admin::v1::{
    AuthScheme, CreateServerRequest, CreateServerResponse, Credential, CredentialInput, EgressMode,
    Key, Server, UpdateServerRequest, credential::State,
};

use super::*;
use crate::{
    args::{Cli, Format},
    cmd::{Command, tests::command},
};

/// S1-2, S1-4.
#[test]
fn create_sends_what_was_given_and_the_file_s_content() {
    let request = with_file("secret\n", |path| {
        let line = format!(
            "aldgate server create files --tenant acme --url http://127.0.0.1:9101/mcp --timeout 90s \
             --description tools --auth-scheme bearer --auth-credential-file {}",
            path.display()
        );
        create(&create_args(&line))
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
    let request = create(&create_args(
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
        create(&create_args(&line))
    });
    assert_eq!(request.unwrap().server.unwrap().tool_list_json, "[]");
}

#[test]
fn stdin_can_be_read_for_one_value_only() {
    let line = "aldgate server create files --tenant acme --url http://h/mcp --tool-list-json-file - \
                --auth-scheme bearer --auth-credential-file -";
    let error = create(&create_args(line)).unwrap_err();
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
    let request = request::update(&args, &printer()).unwrap();
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
    let error = create(&create_args(line)).unwrap_err();
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

/// S2-3.
#[test]
fn a_new_server_shows_its_primary_key_beside_its_fields() {
    let server = server(State::Active);
    let with = CreateServerResponse {
        primary_key: Some(Key {
            name: "tenants/acme/keys/files-primary".into(),
            ..Key::default()
        }),
        primary_key_secret: "mcp_sk_x".into(),
        ..CreateServerResponse::default()
    };
    let created = serde_json::to_value(Created::of(&server, &with)).unwrap();
    assert_eq!(created["credential"]["headerName"], "X-Own");
    assert_eq!(
        created["primaryKey"]["name"],
        "tenants/acme/keys/files-primary"
    );
    assert_eq!(created["primaryKeySecret"], "mcp_sk_x");
    let without = CreateServerResponse::default();
    let created = serde_json::to_value(Created::of(&server, &without)).unwrap();
    assert!(created.get("primaryKey").is_none() && created.get("primaryKeySecret").is_none());
}

/// S2-3.
#[test]
fn a_primary_key_can_be_left_out() {
    let line = "aldgate server create files --tenant acme --url http://h/mcp";
    assert!(!create(&create_args(line)).unwrap().omit_primary_key);
    let line = format!("{line} --no-primary-key");
    assert!(create(&create_args(&line)).unwrap().omit_primary_key);
}

/// S4-13, S4-14: an unset variable leaves an empty credential, which is none.
#[test]
fn a_file_says_all_of_a_server() {
    let text = "server: {url: 'http://h/mcp', egress_mode: none}\nauthenticators: [{static: {}}]\n";
    let request = of_file(text).unwrap();
    assert_eq!(
        (request.parent.as_str(), request.server_id.as_str()),
        ("tenants/acme", "files")
    );
    let server = request.server.unwrap();
    assert_eq!(server.egress_mode(), EgressMode::None);
    assert!(server.authenticators.is_some());
    for value in [
        "",
        "${ALDGATE_TEST_NOT_SET}",
        "Bearer ",
        "Bearer ${ALDGATE_TEST_NOT_SET}",
    ] {
        let text = format!("server: {{url: u}}\ncredential: {{scheme: bearer, value: '{value}'}}");
        assert!(of_file(&text).unwrap().credential.is_none(), "{value}");
    }
    let kept = of_file("server: {url: u}\ncredential: {scheme: bearer, value: secret}");
    assert_eq!(kept.unwrap().credential.unwrap().value, "secret");
}

#[test]
fn a_file_cannot_contradict_the_command_line() {
    let other = of_file("parent: tenants/other\nserver: {url: u}").unwrap_err();
    assert!(other.to_string().starts_with("--file: `parent`"), "{other}");
    let line = "aldgate server create files --tenant acme --file f --url http://h";
    assert!(Cli::try_parse_from(line.split(' ')).is_err());
    let line = "aldgate server create files --tenant acme";
    assert!(Cli::try_parse_from(line.split(' ')).is_err());
}

/// S0-2, S0-3, S4-19.
#[test]
fn egress_and_authenticators_can_be_changed() {
    let request = update("aldgate server update files --tenant acme --egress-mode passthrough");
    assert_eq!(request.update_mask.unwrap().paths, ["egress_mode"]);
    assert_eq!(
        request.server.unwrap().egress_mode(),
        EgressMode::Passthrough
    );
    let request = update("aldgate server update files --tenant acme --reset-authenticators");
    assert_eq!(request.update_mask.unwrap().paths, ["authenticators"]);
    assert!(request.server.unwrap().authenticators.is_none());
    let request = with_file("[{session: {}}]", |path| {
        update(&format!(
            "aldgate server update files --tenant acme --authenticators-file {}",
            path.display()
        ))
    });
    assert_eq!(request.update_mask.unwrap().paths, ["authenticators"]);
    assert_eq!(
        request.server.unwrap().authenticators.unwrap().list.len(),
        1
    );
}

fn of_file(text: &str) -> Result<CreateServerRequest, Failure> {
    with_file(text, |path| {
        let line = format!(
            "aldgate server create files --tenant acme --file {}",
            path.display()
        );
        create(&create_args(&line))
    })
}

fn create(args: &CreateArgs) -> Result<CreateServerRequest, Failure> {
    request::create(args, &printer())
}

fn update(line: &str) -> UpdateServerRequest {
    match command(line) {
        Command::Server(Verb::Update(args)) => request::update(&args, &printer()).unwrap(),
        other => panic!("not an update: {other:?}"),
    }
}

fn printer() -> Printer {
    Printer::new(Format::Table)
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
            request::set_credential(&args, None).map(|request| request.credential.unwrap())
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
