//! How many calls per time tenants may make: the installation's defaults, and a tenant's own.

use proto::{
    access::v1::{RateDimension, RateLimit, RateLimits},
    admin::v1::{self, limit_service_server::LimitService},
    name::TenantName,
};
use tonic::{Request, Response, Status};

use super::{
    Actor, Admin, called, digest,
    field::{self, Checks},
};
use crate::{error::Error, store::audit::Entry};

#[tonic::async_trait]
impl LimitService for Admin {
    async fn get_default_limits(
        &self,
        request: Request<v1::GetDefaultLimitsRequest>,
    ) -> Result<Response<v1::GetDefaultLimitsResponse>, Status> {
        let (actor, _) = called(request)?;
        let limits = get_defaults(self, &actor).await?;
        Ok(Response::new(v1::GetDefaultLimitsResponse {
            limits: Some(limits),
        }))
    }

    async fn set_default_limits(
        &self,
        request: Request<v1::SetDefaultLimitsRequest>,
    ) -> Result<Response<v1::SetDefaultLimitsResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(set_defaults(self, &actor, request).await?))
    }

    async fn get_tenant_limits(
        &self,
        request: Request<v1::GetTenantLimitsRequest>,
    ) -> Result<Response<v1::GetTenantLimitsResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(get_own(self, &actor, &request).await?))
    }

    async fn set_tenant_limits(
        &self,
        request: Request<v1::SetTenantLimitsRequest>,
    ) -> Result<Response<v1::SetTenantLimitsResponse>, Status> {
        let (actor, request) = called(request)?;
        Ok(Response::new(set_own(self, &actor, request).await?))
    }
}

async fn get_defaults(admin: &Admin, actor: &Actor) -> Result<RateLimits, Error> {
    let mut tx = actor.enter_platform(&admin.0.store).await?;
    Ok(tx.default_limits().await?)
}

async fn set_defaults(
    admin: &Admin,
    actor: &Actor,
    request: v1::SetDefaultLimitsRequest,
) -> Result<v1::SetDefaultLimitsResponse, Error> {
    let limits = field::required("limits", request.limits)?;
    check(&limits)?;
    let mut tx = actor.enter_platform(&admin.0.store).await?;
    let before = tx.default_limits().await?;
    tx.set_default_limits(&limits).await?;
    let entry = Entry {
        resource: "defaults".to_owned(),
        before: Some(sum(&before)),
        after: Some(sum(&limits)),
    };
    let committed = tx.commit_change(&entry).await?;
    Ok(v1::SetDefaultLimitsResponse {
        limits: Some(limits),
        revision: committed.revision,
    })
}

async fn get_own(
    admin: &Admin,
    actor: &Actor,
    request: &v1::GetTenantLimitsRequest,
) -> Result<v1::GetTenantLimitsResponse, Error> {
    let name: TenantName = field::name("name", &request.name)?;
    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    let own = tx.tenant_limits().await?;
    Ok(v1::GetTenantLimitsResponse {
        own: own.is_some(),
        limits: Some(match own {
            Some(own) => own,
            None => tx.default_limits().await?,
        }),
    })
}

async fn set_own(
    admin: &Admin,
    actor: &Actor,
    request: v1::SetTenantLimitsRequest,
) -> Result<v1::SetTenantLimitsResponse, Error> {
    let name: TenantName = field::name("name", &request.name)?;
    if let Some(limits) = &request.limits {
        check(limits)?;
    }
    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    let locked = tx.lock_tenant().await?;
    locked.ok_or_else(|| Error::NotFound(name.to_string()))?;
    let before = tx.tenant_limits().await?;
    tx.set_tenant_limits(request.limits.as_ref()).await?;
    let defaults = tx.default_limits().await?;
    let entry = Entry {
        resource: name.to_string(),
        before: before.as_ref().map(sum),
        after: request.limits.as_ref().map(sum),
    };
    let committed = tx.commit_change(&entry).await?;
    Ok(v1::SetTenantLimitsResponse {
        own: request.limits.is_some(),
        limits: Some(request.limits.unwrap_or(defaults)),
        revision: committed.revision,
    })
}

/// What nodes would refuse is refused here, with its name.
fn check(given: &RateLimits) -> Result<(), Error> {
    let mut checks = Checks::new();
    let mut seen = Vec::new();
    for (place, limit) in given.limits.iter().enumerate().take(MOST) {
        let field = |name: &str| format!("limits.limits[{place}].{name}");
        let dimension = RateDimension::try_from(limit.dimension).unwrap_or_default();
        if dimension == RateDimension::Unspecified {
            checks.refuse(field("dimension"), "is required");
        } else if seen.contains(&dimension) {
            checks.refuse(field("dimension"), "has a limit already");
        }
        seen.push(dimension);
        if !TOKENS.contains(&limit.tokens) {
            checks.refuse(field("tokens"), "must be 1 to 1,000,000");
        }
        if limit.burst != 0 && !TOKENS.contains(&limit.burst) {
            checks.refuse(
                field("burst"),
                "must be 1 to 1,000,000, or 0 for as many as `tokens`",
            );
        }
        if !is_period(limit) {
            checks.refuse(field("per"), "must be 1 s to 1 d, in whole milliseconds");
        }
    }
    if given.limits.len() > MOST {
        checks.refuse("limits.limits", "must be at most one per dimension");
    }
    match checks.found() {
        [] => Ok(()),
        _ => Err(checks.into_error()),
    }
}

fn is_period(limit: &RateLimit) -> bool {
    limit.per.is_none_or(|per| {
        let nanos = i128::from(per.seconds) * 1_000_000_000 + i128::from(per.nanos);
        per.seconds >= 0
            && (0..1_000_000_000).contains(&per.nanos)
            && (SECOND..=SECOND * 86_400).contains(&nanos)
            && per.nanos % 1_000_000 == 0
    })
}

fn sum(limits: &RateLimits) -> [u8; 32] {
    digest::of("aldgate.access.v1.RateLimits", limits)
}

/// There are not more dimensions.
const MOST: usize = 5;
const TOKENS: std::ops::RangeInclusive<u32> = 1..=1_000_000;
const SECOND: i128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// S2-16: what is wrong with limits is named.
    #[test]
    fn limits_are_checked_field_by_field() {
        let good = RateLimit {
            dimension: RateDimension::Tenant.into(),
            tokens: 100,
            per: Some(prost_types::Duration {
                seconds: 60,
                nanos: 0,
            }),
            burst: 0,
        };
        assert!(check(&RateLimits::default()).is_ok());
        assert_eq!(faults(&[good]), [""; 0]);
        let per = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
        for (limit, field) in [
            (
                RateLimit {
                    dimension: 0,
                    ..good
                },
                "dimension",
            ),
            (
                RateLimit {
                    dimension: 77,
                    ..good
                },
                "dimension",
            ),
            (RateLimit { tokens: 0, ..good }, "tokens"),
            (
                RateLimit {
                    tokens: 1_000_001,
                    ..good
                },
                "tokens",
            ),
            (
                RateLimit {
                    burst: 1_000_001,
                    ..good
                },
                "burst",
            ),
            (
                RateLimit {
                    per: per(0, 999_000_000),
                    ..good
                },
                "per",
            ),
            (
                RateLimit {
                    per: per(86_400, 1_000_000),
                    ..good
                },
                "per",
            ),
            (
                RateLimit {
                    per: per(2, 1),
                    ..good
                },
                "per",
            ),
            (
                RateLimit {
                    per: per(-1, 0),
                    ..good
                },
                "per",
            ),
        ] {
            assert_eq!(faults(&[limit]), [format!("limits.limits[0].{field}")]);
        }
        assert_eq!(faults(&[good, good]), ["limits.limits[1].dimension"]);
        assert!(faults(&[good; 6]).contains(&"limits.limits".to_owned()));
    }

    fn faults(limits: &[RateLimit]) -> Vec<String> {
        let limits = limits.to_vec();
        match check(&RateLimits { limits }) {
            Ok(()) => Vec::new(),
            Err(Error::Invalid(found)) => found.into_iter().map(|fault| fault.field).collect(),
            Err(other) => panic!("{other}"),
        }
    }
}
