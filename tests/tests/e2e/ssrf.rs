//! What a tenant may not register and a gateway not call, without the local allowance (`security.md` SS).

use anyhow::{Result, ensure};
use tests::cluster::{Cluster, Networks};

/// SS-01 … SS-06, SS-14 … SS-16, at registration.
#[tokio::test(flavor = "multi_thread")]
async fn addresses_inside_are_refused_by_name_of_the_flag() -> Result<()> {
    let cluster = Cluster::builder()
        .gateways(0)
        .networks(Networks::Public)
        .start()
        .await?;
    cluster
        .aldgate(&["tenant", "create", "acme", "--host", "acme.test"])
        .await?;
    let register = |slug: &'static str, url: &'static str| {
        ["server", "create", slug, "--tenant", "acme", "--url", url]
    };
    // The positive twin: a public address, by number so that no name needs resolving.
    cluster
        .aldgate(&register("fine", "https://1.1.1.1/mcp"))
        .await?;
    for url in [
        "http://169.254.169.254/latest/",
        "http://127.0.0.1:6379/",
        "http://localhost/mcp",
        "http://0.0.0.0/mcp",
        "http://[::1]/mcp",
        "http://[::]/mcp",
        "http://2130706433/mcp",
        "http://0x7f.1/mcp",
        "http://0177.0.0.1/mcp",
        "http://127.1/mcp",
        "http://[::ffff:169.254.169.254]/mcp",
        "http://[::ffff:a9fe:a9fe]/mcp",
        "http://10.0.0.5/mcp",
        "http://172.16.0.1/mcp",
        "http://192.168.1.1/mcp",
        "http://100.64.0.1/mcp",
        "http://[fd00::1]/mcp",
        "file:///etc/passwd",
        "gopher://1.1.1.1/",
        "unix:/run/x.sock",
        "ftp://1.1.1.1/",
        "data:text/plain,x",
        "https://user:pw@1.1.1.1/mcp",
        "https://1.1.1.1:22/mcp",
        "https://1.1.1.1:25/mcp",
        "https://1.1.1.1:6379/mcp",
        "https://1.1.1.1:5432/mcp",
        "not a url",
        "https://1.1.1.1/mcp#fragment",
    ] {
        let output = cluster.cli().run(&register("bad", url)).await?;
        ensure!(
            output.code == 2 && output.stderr.contains("--url"),
            "{url}: {output:?}"
        );
    }
    cluster
        .aldgate(&register("still-fine", "https://1.1.1.1/mcp"))
        .await?;
    Ok(())
}

/// HN-19: the installation is no upstream of itself.
#[tokio::test(flavor = "multi_thread")]
async fn an_origin_of_the_installation_is_refused_as_a_server() -> Result<()> {
    let cluster = Cluster::builder().gateways(0).start().await?;
    cluster
        .aldgate(&["tenant", "create", "acme", "--host", "acme.test:8080"])
        .await?;
    let register = [
        "server",
        "create",
        "loop",
        "--tenant",
        "acme",
        "--url",
        "http://acme.test:8080/mcp/loop",
    ];
    let output = cluster.cli().run(&register).await?;
    ensure!(
        output.code == 2 && output.stderr.contains("--url"),
        "{output:?}"
    );
    let register = ["server", "create", "files", "--tenant", "acme", "--url"];
    let args = [&register[..], &["http://127.0.0.1:9/mcp"]].concat();
    cluster.aldgate(&args).await?;
    let tenant = ["tenant", "create", "beta", "--host", "127.0.0.1:9"];
    let output = cluster.cli().run(&tenant).await?;
    ensure!(
        output.code == 2 && output.stderr.contains("--host"),
        "{output:?}"
    );
    Ok(())
}
