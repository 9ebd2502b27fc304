//! Lists that come in pages.

use anyhow::{Result, ensure};
use proto::admin::v1::{ListKeysRequest, ListServersRequest, ListServersResponse};
use tests::admin::Admin;
use tonic::{Code, Response, Status};

use super::{create_server, create_tenant, refused, with_acme};

#[tokio::test(flavor = "multi_thread")]
async fn paging_through_many_servers_meets_each_exactly_once() -> Result<()> {
    let (cluster, mut admin) = with_acme().await?;
    let mut expected = Vec::new();
    for number in 0..120 {
        // Not in the order of their names.
        let server = create_server(&mut admin, &format!("s{}", number * 77 % 120))
            .await?
            .server;
        expected.push(server.unwrap_or_default().name);
    }
    expected.sort();
    for (size, pages) in [(7, 18), (60, 2), (0, 3), (119, 2), (120, 1), (5000, 1)] {
        let (mut names, mut token, mut count) = (Vec::new(), String::new(), 0);
        loop {
            let page = list(&mut admin, "tenants/acme", size, &token)
                .await?
                .into_inner();
            names.extend(page.servers.into_iter().map(|server| server.name));
            count += 1;
            if page.next_page_token.is_empty() {
                break;
            }
            token = page.next_page_token;
        }
        ensure!(names == expected, "pages of {size}: {names:?}");
        assert_eq!(count, pages, "pages of {size}");
    }
    let printed = cluster
        .aldgate(&["server", "list", "--tenant", "acme"])
        .await?;
    assert_eq!(
        printed.lines().count(),
        121,
        "the program turns the pages itself"
    );
    Ok(())
}

/// What is deleted or added while somebody turns the pages moves nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_their_place_while_the_list_changes() -> Result<()> {
    let (cluster, mut admin) = with_acme().await?;
    for slug in ["b", "d", "f", "h"] {
        create_server(&mut admin, slug).await?;
    }
    let first = list(&mut admin, "tenants/acme", 2, "").await?.into_inner();
    // The one that the page ended with, too.
    for gone in ["b", "d"] {
        cluster
            .aldgate(&["server", "delete", gone, "--tenant", "acme"])
            .await?;
    }
    for new in ["a", "e"] {
        create_server(&mut admin, new).await?;
    }
    let second = list(&mut admin, "tenants/acme", 9, &first.next_page_token)
        .await?
        .into_inner();
    let names: Vec<_> = second
        .servers
        .iter()
        .filter_map(|server| server.name.rsplit('/').next())
        .collect();
    assert_eq!(names, ["e", "f", "h"]);
    Ok(())
}

/// AD-11.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_that_was_edited_or_is_anothers_is_refused() -> Result<()> {
    let (_cluster, mut admin) = with_acme().await?;
    create_tenant(&mut admin, "beta").await?;
    for slug in ["a", "b", "c"] {
        create_server(&mut admin, slug).await?;
    }
    let token = list(&mut admin, "tenants/acme", 1, "")
        .await?
        .into_inner()
        .next_page_token;
    list(&mut admin, "tenants/acme", 1, &token).await?;

    let mut edited = vec![
        format!("{token}A"),
        token[1..].to_owned(),
        "x".into(),
        "\0".into(),
        "x".repeat(1 << 16),
    ];
    for at in 0..token.len() {
        let other = if &token[at..=at] == "A" { "B" } else { "A" };
        edited.push(format!("{}{other}{}", &token[..at], &token[at + 1..]));
    }
    for edited in edited {
        let fields = refused(
            list(&mut admin, "tenants/acme", 1, &edited).await,
            Code::InvalidArgument,
        )?;
        assert_eq!(fields, ["page_token"]);
    }
    let foreign = list(&mut admin, "tenants/beta", 1, &token).await;
    assert_eq!(refused(foreign, Code::InvalidArgument)?, ["page_token"]);
    let keys = ListKeysRequest {
        parent: "tenants/acme".into(),
        page_size: 1,
        page_token: token,
    };
    assert_eq!(
        refused(admin.keys.list_keys(keys).await, Code::InvalidArgument)?,
        ["page_token"]
    );
    let negative = list(&mut admin, "tenants/acme", -1, "").await;
    assert_eq!(refused(negative, Code::InvalidArgument)?, ["page_size"]);
    Ok(())
}

async fn list(
    admin: &mut Admin,
    parent: &str,
    page_size: i32,
    page_token: &str,
) -> Result<Response<ListServersResponse>, Status> {
    let request = ListServersRequest {
        parent: parent.into(),
        page_size,
        page_token: page_token.into(),
    };
    admin.servers.list_servers(request).await
}
