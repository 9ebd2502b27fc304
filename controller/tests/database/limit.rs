//! Rate limits: the installation's, and a tenant's own.

use proto::{
    access::v1::{RateDimension, RateLimit, RateLimits},
    admin::v1::{self, limit_service_client::LimitServiceClient},
};
use tonic::{Code, Status, transport::Channel};

use crate::{
    operator::Operator,
    support::{Stack, told, with_token},
};

/// S2-16: a tenant has the defaults until it is given limits of its own, which may be none at all.
#[tokio::test]
async fn a_tenants_own_limits_stand_in_place_of_the_defaults() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test").await.unwrap();
    let mut client = LimitServiceClient::new(admin.channel.clone());
    assert_eq!(of_tenant(&admin).await, (RateLimits::default(), false));

    let request = v1::SetDefaultLimitsRequest {
        limits: Some(tenants(100)),
    };
    let set = client
        .set_default_limits(admin.call(request))
        .await
        .unwrap();
    assert_eq!(set.into_inner().revision, 2);
    assert_eq!(of_tenant(&admin).await, (tenants(100), false));
    for own in [tenants(7), RateLimits::default()] {
        let set = set_own(&admin, Some(own.clone())).await.unwrap();
        assert_eq!((set.limits.unwrap(), set.own), (own.clone(), true));
        assert_eq!(of_tenant(&admin).await, (own, true));
    }
    let set = set_own(&admin, None).await.unwrap();
    assert_eq!(
        (set.limits.unwrap(), set.own, set.revision),
        (tenants(100), false, 5)
    );

    let mut sql = stack.postgres.connect("root", "aldgate").await;
    let lines: Vec<(String, String)> =
        sqlx::query_as("SELECT kind, resource FROM change_log ORDER BY revision OFFSET 1")
            .fetch_all(&mut sql)
            .await
            .unwrap();
    let line = |kind: &str, resource: &str| (kind.to_owned(), resource.to_owned());
    let own = line("tenant", "tenants/acme");
    assert_eq!(
        lines,
        [line("defaults", "defaults"), own.clone(), own.clone(), own]
    );
}

/// Tenants may know what holds for them, and change nothing of it.
#[tokio::test]
async fn only_the_platform_changes_limits_and_only_to_valid_ones() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test").await.unwrap();
    let own = admin.token("tenants/acme", v1::TokenRole::Admin).await;
    let mut client = LimitServiceClient::new(admin.channel.clone());
    let name = "tenants/acme".to_owned();
    let read = v1::GetTenantLimitsRequest { name: name.clone() };
    assert!(
        client
            .get_tenant_limits(with_token(&own, read))
            .await
            .is_ok()
    );
    let change = v1::SetTenantLimitsRequest { name, limits: None };
    let refused = client.set_tenant_limits(with_token(&own, change)).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);

    let mut twice = tenants(1);
    twice.limits.push(twice.limits[0]);
    let status = set_own(&admin, Some(twice)).await.unwrap_err();
    assert_eq!(told(&status).1, ["limits.limits[1].dimension"]);
    let status = set_own(&admin, Some(tenants(0))).await.unwrap_err();
    assert_eq!(told(&status).1, ["limits.limits[0].tokens"]);
    assert_eq!(of_tenant(&admin).await, (RateLimits::default(), false));
}

async fn of_tenant(admin: &Operator) -> (RateLimits, bool) {
    let request = v1::GetTenantLimitsRequest {
        name: "tenants/acme".to_owned(),
    };
    let answer = client(admin).get_tenant_limits(admin.call(request)).await;
    let answer = answer.unwrap().into_inner();
    (answer.limits.unwrap(), answer.own)
}

async fn set_own(
    admin: &Operator,
    limits: Option<RateLimits>,
) -> Result<v1::SetTenantLimitsResponse, Status> {
    let request = v1::SetTenantLimitsRequest {
        name: "tenants/acme".to_owned(),
        limits,
    };
    let answer = client(admin).set_tenant_limits(admin.call(request)).await?;
    Ok(answer.into_inner())
}

fn client(admin: &Operator) -> LimitServiceClient<Channel> {
    LimitServiceClient::new(admin.channel.clone())
}

fn tenants(tokens: u32) -> RateLimits {
    RateLimits {
        limits: vec![RateLimit {
            dimension: RateDimension::Tenant.into(),
            tokens,
            ..RateLimit::default()
        }],
    }
}
