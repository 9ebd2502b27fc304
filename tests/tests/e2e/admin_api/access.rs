//! Issue 3, must-hold 5: authenticators, policies and limits that say something unknown, twice, or in
//! the old way are refused with the field, and what held before holds on.

use anyhow::{Result, ensure};
use prost::Message as _;
use proto::{
    access::v1::{
        AnonymousAuthenticator, ApiKeyAuthenticator, Authenticator, Authenticators,
        ForwardedAuthenticator, Grant, JwtAuthenticator, Policy, RateDimension, RateLimit,
        RateLimits, Role, Rule, ToolOverride, authenticator::Kind,
    },
    admin::v1::{
        AccessPolicy, GetAuthenticatorsRequest, GetPolicyRequest, SetAuthenticatorsRequest,
        SetPolicyRequest, SetTenantLimitsRequest,
    },
};
use tests::{admin::Admin, cluster::Cluster};
use tonic::Code;

use super::refused;
use crate::raw_grpc;

/// S4-19, S4-20, S4-30, S3-2, S4-26.
#[tokio::test(flavor = "multi_thread")]
async fn authenticators_that_say_nothing_clear_are_refused_with_the_field() -> Result<()> {
    let (_cluster, admin) = tenant().await?;
    let good = of(vec![Kind::ApiKey(ApiKeyAuthenticator::default())]);
    set_authenticators(&admin, good.clone()).await.map(drop)?;
    for (field, bad) in bad_authenticators() {
        let fields = refused(set_authenticators(&admin, bad).await, Code::InvalidArgument)?;
        let wanted = format!("authenticators.{field}");
        let named = fields.iter().any(|found| found.starts_with(&wanted));
        ensure!(named, "{wanted}: {fields:?}");
        let request = GetAuthenticatorsRequest {
            name: TENANT.into(),
        };
        let held = admin.access.clone().get_authenticators(request).await?;
        ensure!(
            held.into_inner().authenticators.as_ref() == Some(&good),
            "{field}"
        );
    }
    Ok(())
}

/// S4-41, S4-45, S4-53.
#[tokio::test(flavor = "multi_thread")]
async fn policies_that_say_nothing_clear_are_refused_with_the_field() -> Result<()> {
    let (_cluster, admin) = tenant().await?;
    let good = roles(grant("*", "read"));
    set_policy(&admin, good.clone()).await.map(drop)?;
    for (field, bad) in bad_policies() {
        let fields = refused(set_policy(&admin, bad).await, Code::InvalidArgument)?;
        let wanted = format!("policy.policy.{field}");
        ensure!(fields.contains(&wanted), "{wanted}: {fields:?}");
        let request = GetPolicyRequest {
            name: format!("{TENANT}/policy"),
        };
        let held = admin.access.clone().get_policy(request).await?.into_inner();
        let held = held.policy.and_then(|policy| policy.policy);
        ensure!(held.as_ref() == Some(&good), "{field}");
    }
    Ok(())
}

/// S2-16: a limit that could mean none is refused.
#[tokio::test(flavor = "multi_thread")]
async fn limits_that_say_nothing_clear_are_refused_with_the_field() -> Result<()> {
    let (_cluster, admin) = tenant().await?;
    let limit = |dimension: RateDimension, tokens| RateLimit {
        dimension: dimension.into(),
        tokens,
        ..Default::default()
    };
    let set = async |limits: Vec<RateLimit>| {
        let request = SetTenantLimitsRequest {
            name: TENANT.into(),
            limits: Some(RateLimits { limits }),
        };
        admin.limits.clone().set_tenant_limits(request).await
    };
    set(vec![limit(RateDimension::Tenant, 10)]).await?;
    for (field, bad) in [
        (
            "limits.limits[0].dimension",
            vec![limit(RateDimension::Unspecified, 10)],
        ),
        (
            "limits.limits[0].tokens",
            vec![limit(RateDimension::Tool, 0)],
        ),
        (
            "limits.limits[1].dimension",
            vec![limit(RateDimension::Tool, 1), limit(RateDimension::Tool, 2)],
        ),
    ] {
        let fields = refused(set(bad).await, Code::InvalidArgument)?;
        ensure!(
            fields.iter().any(|found| found == field),
            "{field}: {fields:?}"
        );
    }
    Ok(())
}

/// A field that this version does not know might be the one that matters: it is refused, not ignored.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_this_version_does_not_know_is_refused() -> Result<()> {
    let (cluster, admin) = tenant().await?;
    let good = set_policy_request(roles(grant("*", "read"))).encode_to_vec();
    let path = "/aldgate.admin.v1.AccessService/SetPolicy";
    let (channel, token) = (cluster.channel().await?, cluster.bootstrap_token());
    raw_grpc::call(&channel, path, good.clone(), Some(token)).await?;
    let mut strange = good;
    // Field 999, a varint.
    strange.extend([0xb8, 0x3e, 0x01]);
    let refusal = raw_grpc::call(&channel, path, strange, Some(token)).await;
    let refusal = refusal
        .err()
        .map(|status| (status.code(), status.message().to_owned()));
    ensure!(
        matches!(&refusal, Some((Code::InvalidArgument, _))),
        "{refusal:?}"
    );
    drop(admin);
    Ok(())
}

fn bad_authenticators() -> Vec<(&'static str, Authenticators)> {
    let api_key = || Kind::ApiKey(ApiKeyAuthenticator::default());
    let jwt = |change: fn(&mut JwtAuthenticator)| {
        let mut jwt = JwtAuthenticator {
            issuer: "https://issuer.test".into(),
            audiences: vec!["https://acme.test/mcp".into()],
            jwks_uri: "https://issuer.test/jwks".into(),
            ..Default::default()
        };
        change(&mut jwt);
        of(vec![Kind::Jwt(jwt)])
    };
    let forwarded = |networks: &[&str]| {
        of(vec![Kind::Forwarded(ForwardedAuthenticator {
            source_networks: networks.iter().map(|&network| network.to_owned()).collect(),
            ..Default::default()
        })])
    };
    let old = Authenticators {
        provider: "bearer".into(),
        ..Default::default()
    };
    let unknown = Authenticators {
        list: vec![Authenticator { kind: None }],
        ..Default::default()
    };
    let anonymous = || Kind::Anonymous(AnonymousAuthenticator::default());
    vec![
        ("provider", old),
        ("list[0]", unknown),
        ("list[1].api_key", of(vec![api_key(), api_key()])),
        ("list[1].anonymous", of(vec![anonymous(), anonymous()])),
        ("list[0].jwt.issuer", jwt(|jwt| jwt.issuer.clear())),
        ("list[0].jwt.audiences", jwt(|jwt| jwt.audiences.clear())),
        ("list[0].jwt", jwt(|jwt| jwt.jwks_uri.clear())),
        ("list[0].jwt.jwks", jwt(|jwt| jwt.jwks = "{}".into())),
        (
            "list[0].jwt.algorithms[0]",
            jwt(|jwt| jwt.algorithms = vec!["none".into()]),
        ),
        (
            "list[0].jwt.algorithms[0]",
            jwt(|jwt| jwt.algorithms = vec!["HS256".into()]),
        ),
        ("list[0].forwarded.source_networks", forwarded(&[])),
        (
            "list[0].forwarded.source_networks[0]",
            forwarded(&["everywhere"]),
        ),
    ]
}

fn bad_policies() -> Vec<(&'static str, Policy)> {
    let both = Policy {
        rules: vec![rule("allow")],
        ..roles(grant("*", "read"))
    };
    let flat = |policy| Policy {
        rules: vec![rule(policy)],
        ..Default::default()
    };
    let default = Policy {
        default: "perhaps".into(),
        ..Default::default()
    };
    let twice = Policy {
        tool_overrides: vec![ToolOverride {
            read: vec!["get_*".into()],
            write: vec!["get_*".into()],
            ..Default::default()
        }],
        ..Default::default()
    };
    let nowhere = Grant {
        access: "read".into(),
        ..Default::default()
    };
    vec![
        ("rules", both),
        ("rules[0].policy", flat("maybe")),
        ("default", default),
        ("tool_overrides[0].write[0]", twice),
        ("roles.dev.grants[0].access", roles(grant("*", "execute"))),
        ("roles.dev.grants[0].servers", roles(nowhere)),
    ]
}

async fn tenant() -> Result<(Cluster, Admin)> {
    let cluster = Cluster::builder().gateways(1).start().await?;
    cluster
        .aldgate(&["tenant", "create", "acme", "--host", "acme.test"])
        .await?;
    let admin = cluster.admin().await?;
    Ok((cluster, admin))
}

async fn set_authenticators(
    admin: &Admin,
    authenticators: Authenticators,
) -> Result<tonic::Response<proto::admin::v1::SetAuthenticatorsResponse>, tonic::Status> {
    let request = SetAuthenticatorsRequest {
        name: TENANT.into(),
        authenticators: Some(authenticators),
        ..Default::default()
    };
    admin.access.clone().set_authenticators(request).await
}

async fn set_policy(
    admin: &Admin,
    policy: Policy,
) -> Result<tonic::Response<proto::admin::v1::SetPolicyResponse>, tonic::Status> {
    let request = set_policy_request(policy);
    admin.access.clone().set_policy(request).await
}

fn set_policy_request(policy: Policy) -> SetPolicyRequest {
    SetPolicyRequest {
        policy: Some(AccessPolicy {
            name: format!("{TENANT}/policy"),
            policy: Some(policy),
            ..Default::default()
        }),
    }
}

fn of(kinds: Vec<Kind>) -> Authenticators {
    let list = kinds.into_iter();
    Authenticators {
        list: list
            .map(|kind| Authenticator { kind: Some(kind) })
            .collect(),
        ..Default::default()
    }
}

fn roles(grant: Grant) -> Policy {
    let role = Role {
        grants: vec![grant],
    };
    Policy {
        roles: [("dev".to_owned(), role)].into(),
        ..Default::default()
    }
}

fn grant(server: &str, access: &str) -> Grant {
    Grant {
        servers: vec![server.into()],
        access: access.into(),
        ..Default::default()
    }
}

fn rule(policy: &str) -> Rule {
    Rule {
        policy: policy.into(),
        ..Default::default()
    }
}

const TENANT: &str = "tenants/acme";
