//! What is removed because it is over, and what stays.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use proto::admin::v1::{
    self, revocation_service_client::RevocationServiceClient, revoke_request::Target,
};
use sqlx::PgConnection;

use crate::people::World;

/// S4-39: what has expired goes once nobody can be told anything by it any more; what is good, or not
/// long enough over, stays.
#[tokio::test]
async fn what_is_over_goes_and_what_is_not_stays() {
    let mut world = World::start().await;
    let mut sql = world.sql().await;
    world.stack.stop();
    for statement in DUST {
        sqlx::query(statement).execute(&mut sql).await.unwrap();
    }
    let before = left(&mut sql).await;
    let expected: Vec<_> = before
        .iter()
        .filter(|(_, label)| !label.starts_with("old"))
        .cloned()
        .collect();
    let kinds = |rows: &[(String, String)], old: bool| -> BTreeSet<String> {
        let rows = rows
            .iter()
            .filter(|(_, label)| label.starts_with("old") == old);
        rows.map(|(kind, _)| kind.clone()).collect()
    };
    for old in [true, false] {
        assert_eq!(kinds(&before, old).len(), DUST.len(), "some of each kind");
    }

    world.stack.boot().await;
    // Of all that is swept, keys come last.
    swept(&mut sql).await;
    assert_eq!(left(&mut sql).await, expected);
}

/// One look removes a bounded number of rows of each kind, so that a flood of them blocks nobody.
#[tokio::test]
async fn one_sweep_is_bounded() {
    let mut world = World::start().await;
    let mut sql = world.sql().await;
    world.stack.stop();
    for statement in [
        "INSERT INTO attempts (tenant_id, sha256, failures, updated_at)
         SELECT tenant_id, sha256(n::text::bytea), 1, now() - interval '2 days'
         FROM tenants, generate_series(1, 25000) n WHERE slug = 'acme'",
        KEYS,
    ] {
        sqlx::query(statement).execute(&mut sql).await.unwrap();
    }
    world.stack.boot().await;
    swept(&mut sql).await;
    let rest: i64 = sqlx::query_scalar("SELECT count(*) FROM attempts")
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(rest, 5000);
}

/// design.md §10: a revocation is forgotten when everything that it revokes has expired, wherever it
/// stands; the base says below which number nobody need know any, and no number comes again.
#[tokio::test]
async fn revocations_are_forgotten_when_they_are_over() {
    let mut world = World::start().await;
    let mut sql = world.sql().await;
    for (user, expected) in [("ada", 1), ("bob", 2), ("ada", 3), ("bob", 4), ("ada", 5)] {
        assert_eq!(revoke(&world, user).await, expected);
    }
    assert_eq!(log(&mut sql).await, (5, 1, vec![1, 2, 3, 4, 5]));

    // The first two are over, and one in the middle; the base cannot pass what still matters.
    for (over, base, kept) in [
        ("sequence IN (1, 2, 4)", 3, vec![3, 5]),
        ("true", 6, Vec::new()),
    ] {
        world.stack.stop();
        let over = format!("UPDATE revocations SET expires_at = now() WHERE {over}");
        sqlx::query(sqlx::AssertSqlSafe(over))
            .execute(&mut sql)
            .await
            .unwrap();
        world.stack.boot().await;
        let start = Instant::now();
        while log(&mut sql).await.1 < base {
            assert!(start.elapsed() < PATIENCE, "{:?}", log(&mut sql).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(log(&mut sql).await, (5, base, kept));
    }
    world.admin.channel = world.stack.channel().await;
    assert_eq!(revoke(&world, "ada").await, 6);
    assert_eq!(log(&mut sql).await, (6, 6, vec![6]));
}

async fn revoke(world: &World, user: &str) -> u64 {
    let request = v1::RevokeRequest {
        parent: "tenants/acme".to_owned(),
        target: Some(Target::User(format!("tenants/acme/users/{user}"))),
        wait: None,
    };
    let mut revocations = RevocationServiceClient::new(world.admin.channel.clone());
    let revoked = revocations.revoke(world.admin.call(request)).await;
    revoked.unwrap().into_inner().revocation
}

/// Head, base, and the numbers that are there.
async fn log(sql: &mut PgConnection) -> (i64, i64, Vec<i64>) {
    sqlx::query_as(
        "SELECT sequence, base,
                ARRAY(SELECT r.sequence FROM revocations r ORDER BY r.sequence)
         FROM revocation_head",
    )
    .fetch_one(sql)
    .await
    .unwrap()
}

/// Waits until the key that is to go has gone.
async fn swept(sql: &mut PgConnection) {
    let start = Instant::now();
    loop {
        let there: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM signing_keys WHERE kid LIKE 'old%')")
                .fetch_one(&mut *sql)
                .await
                .unwrap();
        if !there {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "nobody sweeps");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every row of what is swept, by its table and its label.
async fn left(sql: &mut PgConnection) -> Vec<(String, String)> {
    sqlx::query_as(
        "SELECT 'attempts', encode(sha256, 'escape') FROM attempts
         UNION ALL SELECT 'codes', encode(code_sha256, 'escape') FROM authorization_codes
         UNION ALL SELECT 'devices', encode(device_sha256, 'escape') FROM device_codes
         UNION ALL SELECT 'grants', user_agent FROM grants
         UNION ALL SELECT 'keys', kid FROM signing_keys WHERE x = '12345678901234567890123456789012'
         UNION ALL SELECT 'logins', network FROM login_transactions
         UNION ALL SELECT 'sessions', encode(session_sha256, 'escape') FROM browser_sessions
         UNION ALL SELECT 'assertions', encode(sha256, 'escape') FROM client_assertions
         ORDER BY 1, 2",
    )
    .fetch_all(sql)
    .await
    .unwrap()
}

/// What is to go is called `old…`. Everything is a little on this side of its end, or on that.
const DUST: [&str; 8] = [
    "INSERT INTO attempts (tenant_id, sha256, failures, updated_at)
     SELECT tenant_id, label::bytea, failures, now() - since::interval
     FROM tenants, (VALUES
         ('old failures', 3, '25 hours'), ('failures', 3, '23 hours'),
         ('old known', 0, '91 days'), ('known', 0, '89 days')
     ) AS row (label, failures, since) WHERE slug = 'acme'",
    // Of a user who got tokens, or who did not.
    "INSERT INTO grants (tenant_id, grant_id, user_id, client_uid, resources, scopes, user_agent,
                         last_used_at, idle_expires_at, expires_at, revoked_at)
     SELECT tenant_id, gen_random_uuid(), user_id, client_uid, '{}', '{}', label,
            now() + used::interval, now() + idle::interval, now() + ends::interval,
            now() + revoked::interval
     FROM tenants t JOIN users u USING (tenant_id) JOIN oauth_clients c USING (tenant_id), (VALUES
         ('good', '-1 day', '1 day', '1 day', NULL), ('new', NULL, '1 min', '1 year', NULL),
         ('old unused', NULL, '-25 hours', '1 year', NULL), ('unused', NULL, '-23 hours', '1 year', NULL),
         ('old idle', '-90 days', '-31 days', '1 year', NULL), ('idle', '-90 days', '-29 days', '1 year', NULL),
         ('old ended', '-40 days', '1 day', '-31 days', NULL), ('ended', '-40 days', '1 day', '-29 days', NULL),
         ('old revoked', '-40 days', '1 day', '1 day', '-31 days'), ('revoked', '-40 days', '1 day', '1 day', '-29 days')
     ) AS row (label, used, idle, ends, revoked)
     WHERE t.slug = 'acme' AND u.slug = 'ada' AND c.client_id = 'web'",
    // A code that is over is known for a day, so that a second use is noticed.
    "INSERT INTO authorization_codes (tenant_id, code_sha256, grant_id, redirect_uri, redirect_given,
                                      code_challenge, created_at, expires_at)
     SELECT tenant_id, label::bytea, grant_id, '', true, '', now() - since::interval,
            now() - since::interval + interval '1 min'
     FROM grants, (VALUES ('old code', '25 hours'), ('code', '23 hours'), ('new code', '1 s'))
         AS row (label, since) WHERE user_agent = 'good'",
    "INSERT INTO device_codes (tenant_id, device_sha256, user_code_sha256, client_uid, resources, scopes,
                               expires_at)
     SELECT tenant_id, label::bytea, label::bytea, client_uid, '{}', '{}', now() + until::interval
     FROM oauth_clients, (VALUES ('old device', '-61 min'), ('device', '-59 min'), ('new device', '9 min'))
         AS row (label, until) WHERE client_id = 'web'",
    KEYS,
    "INSERT INTO login_transactions (tenant_id, transaction_id, browser_sha256, network, request, expires_at)
     SELECT tenant_id, gen_random_uuid(), 'x', label, '\"connections\"', now() + until::interval
     FROM tenants, (VALUES ('old login', '-1 s'), ('login', '9 min')) AS row (label, until) WHERE slug = 'acme'",
    "INSERT INTO browser_sessions (tenant_id, session_sha256, user_id, auth_time, last_seen_at, expires_at)
     SELECT tenant_id, label::bytea, user_id, now(), now() - seen::interval, now() + until::interval
     FROM users, (VALUES ('old session', '0', '-1 s'), ('old unseen', '13 hours', '1 day'),
                         ('unseen', '11 hours', '1 day'), ('session', '0', '7 days'))
         AS row (label, seen, until) WHERE slug = 'ada'",
    "INSERT INTO client_assertions (tenant_id, sha256, expires_at)
     SELECT tenant_id, label::bytea, now() + until::interval
     FROM tenants, (VALUES ('old assertion', '-61 s'), ('assertion', '5 min')) AS row (label, until)
     WHERE slug = 'acme'",
];

/// Their points are none of a real key.
const KEYS: &str = "INSERT INTO signing_keys (tenant_id, kid, x, y, active_at, retire_at, gone_at)
     SELECT tenant_id, label, '12345678901234567890123456789012', '12345678901234567890123456789012',
            now() - interval '2 years', now() - since::interval, now() - since::interval
     FROM tenants, (VALUES ('old key', '366 days'), ('key', '364 days')) AS row (label, since)
     WHERE slug = 'acme'";
const PATIENCE: Duration = Duration::from_secs(30);
