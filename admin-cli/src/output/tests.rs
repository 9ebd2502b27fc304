//! The shapes of the output.

use proto::admin::v1::{
    AuthScheme, Credential, Key, NodeReceipt, Server, Tenant, WaitForRevisionResponse, credential,
    node_receipt,
};

use super::*;

#[test]
fn json_is_canonical_and_shows_defaults() {
    insta::assert_snapshot!(document::json(&Proto(&tenant())), @r#"
    {
      "name": "tenants/acme",
      "uid": "0190b7c2-6f00-7abc-8def-0123456789ab",
      "displayName": "",
      "host": "https://acme.example.com",
      "aliasHosts": [],
      "allowedOrigins": [],
      "etag": "16",
      "revision": "16"
    }
    "#);
}

#[test]
fn lists_stand_under_the_name_of_their_kind() {
    insta::assert_snapshot!(document::json(&List(&[key()])), @r#"
    {
      "keys": [
        {
          "name": "tenants/acme/keys/ci",
          "uid": "",
          "displayName": "",
          "allServers": false,
          "servers": [
            "tenants/acme/servers/files"
          ],
          "disabled": false,
          "etag": "",
          "revision": "0",
          "scopes": [],
          "primary": false
        }
      ]
    }
    "#);
    insta::assert_snapshot!(document::json(&List::<Key>(&[])), @r#"
    {
      "keys": []
    }
    "#);
}

#[test]
fn yaml_says_the_same_as_json() {
    insta::assert_snapshot!(document::yaml(&Proto(&server())), @r"
    name: tenants/acme/servers/files
    uid: 3d7f2c1a-95be-4c55-9a27-8f4f2f0c1b11
    displayName: ''
    description: ''
    url: https://files.example.com/mcp
    timeout: 90s
    toolListJson: ''
    credential:
      scheme: AUTH_SCHEME_API_KEY
      headerName: X-API-Key
      state: STATE_ACTIVE
      generation: '2'
      fingerprint: 0badcafe
      updateTime: 2027-01-15T08:00:00Z
    etag: '17'
    revision: '17'
    mcpUrl: https://acme.example.com/mcp/files
    egressMode: EGRESS_MODE_UNSPECIFIED
    ");
}

#[test]
fn tables_have_a_header_and_no_lines() {
    insta::assert_snapshot!(table::of_rows(Server::COLUMNS, [server()].iter().map(Resource::cells)), @r"
    NAME   URL                            CREDENTIAL                    MCP URL                             REVISION
    files  https://files.example.com/mcp  api_key in X-API-Key, active  https://acme.example.com/mcp/files  17
    ");
    insta::assert_snapshot!(table::of_rows(Key::COLUMNS, [key()].iter().map(Resource::cells)), @r"
    NAME  SERVERS  SCOPES  STATE    EXPIRES  REVISION
    ci    files    all     enabled  never    0
    ");
}

#[test]
fn one_resource_is_a_line_per_field() {
    insta::assert_snapshot!(table::of_facts(&server().facts()), @r"
    name            tenants/acme/servers/files
    uid             3d7f2c1a-95be-4c55-9a27-8f4f2f0c1b11
    display name    -
    description     -
    url             https://files.example.com/mcp
    mcp url         https://acme.example.com/mcp/files
    timeout         90s
    tool list       -
    authenticators  as the tenant says
    egress mode     shared
    credential      api_key in X-API-Key, active
    fingerprint     0badcafe
    credential set  2027-01-15T08:00:00Z
    created         -
    updated         -
    etag            17
    revision        17
    ");
}

#[test]
fn a_wait_shows_every_node() {
    let answer = WaitForRevisionResponse {
        revision: 17,
        nodes: vec![NodeReceipt {
            node: "nodes/gw-1".into(),
            state: node_receipt::State::Applied.into(),
            applied_revision: 18,
            rejects: vec![],
        }],
    };
    insta::assert_snapshot!(table::of_facts(&answer.facts()), @r"
    revision  17
    node      gw-1 applied (runs revision 18)
    ");
}

/// CL-05: an answer has nothing of the credential but its fingerprint, and neither has the output.
#[test]
fn a_server_shows_the_fingerprint_of_its_credential_alone() {
    let shown = document::json(&Proto(&server()));
    assert!(
        shown.contains("fingerprint") && !shown.contains("value"),
        "{shown}"
    );
}

#[test]
fn names_of_others_cannot_command_the_terminal() {
    let hostile = Tenant {
        display_name: "\u{1b}[2Jgone\u{202e}\nrow".into(),
        ..tenant()
    };
    let shown = table::of_rows(Tenant::COLUMNS, [hostile].iter().map(Resource::cells));
    assert_eq!(shown.lines().count(), 2);
    assert!(shown.contains(r"\u{1b}[2Jgone\u{202e}\u{a}row"), "{shown}");
}

fn tenant() -> Tenant {
    Tenant {
        name: "tenants/acme".into(),
        uid: "0190b7c2-6f00-7abc-8def-0123456789ab".into(),
        host: "https://acme.example.com".into(),
        etag: "16".into(),
        revision: 16,
        ..Tenant::default()
    }
}

fn server() -> Server {
    Server {
        name: "tenants/acme/servers/files".into(),
        uid: "3d7f2c1a-95be-4c55-9a27-8f4f2f0c1b11".into(),
        url: "https://files.example.com/mcp".into(),
        timeout: Some(prost_types::Duration {
            seconds: 90,
            nanos: 0,
        }),
        credential: Some(Credential {
            scheme: AuthScheme::ApiKey.into(),
            header_name: "X-API-Key".into(),
            state: credential::State::Active.into(),
            generation: 2,
            fingerprint: "0badcafe".into(),
            update_time: Some(prost_types::Timestamp {
                seconds: 1_800_000_000,
                nanos: 0,
            }),
        }),
        mcp_url: "https://acme.example.com/mcp/files".into(),
        etag: "17".into(),
        revision: 17,
        ..Server::default()
    }
}

fn key() -> Key {
    Key {
        name: "tenants/acme/keys/ci".into(),
        servers: vec!["tenants/acme/servers/files".into()],
        ..Key::default()
    }
}
