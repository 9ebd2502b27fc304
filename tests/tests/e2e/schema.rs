//! The schema's promises, read from Postgres' own catalogue: a table that forgets its row-level
//! security, or a tenant table whose keys do not start with the tenant, fails here.

use anyhow::Result;
use sqlx::{Connection, PgConnection};
use tests::cluster::Cluster;

#[tokio::test(flavor = "multi_thread")]
async fn every_table_forces_row_level_security_and_has_a_policy() -> Result<()> {
    let cluster = Cluster::builder().gateways(0).start().await?;
    let mut owner = cluster.database.connect().await?;
    let tables: Vec<(String, bool, bool, i64)> = sqlx::query_as(
        "SELECT c.relname::text, c.relrowsecurity, c.relforcerowsecurity,
                (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid)
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public' AND c.relname <> '_sqlx_migrations'
         ORDER BY 1",
    )
    .fetch_all(&mut owner)
    .await?;
    assert!(tables.len() >= 14, "the catalogue was read: {tables:?}");
    for (table, enabled, forced, policies) in tables {
        assert!(
            enabled && forced && policies > 0,
            "{table}: enabled {enabled}, forced {forced}, {policies} policies"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_tables_start_every_key_with_the_tenant() -> Result<()> {
    // Unique across the installation on purpose: a public name can belong to one tenant only.
    const GLOBAL: [&str; 3] = [
        "tenants_slug_key",
        "tenant_origins_origin_key",
        // Revocations are numbered over all tenants.
        "revocations_sequence_key",
    ];
    let cluster = Cluster::builder().gateways(0).start().await?;
    let mut owner = cluster.database.connect().await?;
    let keys: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT t.relname::text, i.relname::text, a.attname::text
         FROM pg_index x
         JOIN pg_class t ON t.oid = x.indrelid
         JOIN pg_class i ON i.oid = x.indexrelid
         JOIN pg_namespace n ON n.oid = t.relnamespace
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
         WHERE x.indisunique AND n.nspname = 'public' AND EXISTS (
             SELECT 1 FROM pg_attribute c WHERE c.attrelid = t.oid AND c.attname = 'tenant_id')
         ORDER BY 1, 2",
    )
    .fetch_all(&mut owner)
    .await?;
    assert!(!keys.is_empty());
    for (table, index, first) in keys {
        let fine =
            first == "tenant_id" || GLOBAL.contains(&index.as_str()) || table == "change_log";
        assert!(fine, "{table}.{index} starts with {first}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_application_role_owns_nothing_and_bypasses_nothing() -> Result<()> {
    let cluster = Cluster::builder().gateways(0).start().await?;
    let mut owner = cluster.database.connect().await?;
    let (privileged,): (i64,) = sqlx::query_as(
        "SELECT count(*) FROM pg_roles
         WHERE rolname IN ('aldgate_app', 'aldgate_feed') AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb)",
    )
    .fetch_one(&mut owner)
    .await?;
    assert_eq!(privileged, 0);
    let (belongings,): (i64,) = sqlx::query_as(
        "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
         WHERE r.rolname IN ('aldgate_app', 'aldgate_feed')",
    )
    .fetch_one(&mut owner)
    .await?;
    assert_eq!(belongings, 0);
    Ok(())
}

/// The second fence by itself: the role sees nothing without a scope and one tenant with one.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_forgets_its_filter_sees_one_tenant_at_most() -> Result<()> {
    let cluster = Cluster::builder().gateways(0).start().await?;
    for tenant in ["acme", "beta"] {
        let host = format!("{tenant}.test");
        cluster
            .aldgate(&["tenant", "create", tenant, "--host", &host])
            .await?;
        cluster
            .aldgate(&[
                "server",
                "create",
                "files",
                "--tenant",
                tenant,
                "--url",
                "http://127.0.0.1:9/mcp",
            ])
            .await?;
    }
    let mut owner = cluster.database.connect().await?;
    let (acme,): (String,) =
        sqlx::query_as("SELECT tenant_id::text FROM tenants WHERE slug = 'acme'")
            .fetch_one(&mut owner)
            .await?;

    let mut app = PgConnection::connect(&cluster.database.app_url()).await?;
    let count = "SELECT count(*) FROM servers";
    let (none,): (i64,) = sqlx::query_as(count).fetch_one(&mut app).await?;
    assert_eq!(none, 0, "without a scope");

    let mut within = app.begin().await?;
    sqlx::query("SELECT set_config('aldgate.tenant', $1, true)")
        .bind(&acme)
        .execute(&mut *within)
        .await?;
    let (one,): (i64,) = sqlx::query_as(count).fetch_one(&mut *within).await?;
    assert_eq!(one, 1, "within one tenant");
    within.rollback().await?;

    // Afterwards the setting reads as the empty string, not as NULL.
    let (none,): (i64,) = sqlx::query_as(count).fetch_one(&mut app).await?;
    assert_eq!(none, 0, "after the transaction");
    Ok(())
}

/// CR-06: nobody but the owner changes what happened.
#[tokio::test(flavor = "multi_thread")]
async fn the_application_role_adds_audit_records_and_changes_none() -> Result<()> {
    let cluster = Cluster::builder().gateways(0).start().await?;
    cluster
        .aldgate(&["tenant", "create", "acme", "--host", "acme.test"])
        .await?;
    let mut app = PgConnection::connect(&cluster.database.app_url()).await?;
    sqlx::query("SELECT set_config('aldgate.platform', 'on', false)")
        .execute(&mut app)
        .await?;
    let (records,): (i64,) =
        sqlx::query_as("SELECT count(*) FROM audit_records WHERE action = 'tenants.create'")
            .fetch_one(&mut app)
            .await?;
    assert_eq!(records, 1);
    for statement in [
        sqlx::query("UPDATE audit_records SET actor = 'nobody'"),
        sqlx::query("DELETE FROM audit_records"),
        sqlx::query("TRUNCATE audit_records"),
    ] {
        let refused = statement.execute(&mut app).await.unwrap_err();
        let code = refused
            .as_database_error()
            .and_then(|error| error.code().map(std::borrow::Cow::into_owned));
        assert_eq!(code.as_deref(), Some("42501"), "insufficient_privilege");
    }
    Ok(())
}
