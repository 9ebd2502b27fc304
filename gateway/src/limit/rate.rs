//! How many calls per time config allows: checked, in whole numbers, and one place per dimension.
//! Counting is done elsewhere.

use std::sync::Arc;

use proto::access::v1::{RateDimension, RateLimit, RateLimits};

/// What calls are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Dimension {
    /// All calls of a tenant.
    Tenant,
    /// The calls of one principal.
    Principal,
    /// The calls of one client, whoever it calls for.
    Client,
    /// The calls to one server.
    Server,
    /// The calls of one tool.
    Tool,
}

impl Dimension {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Tenant,
        Self::Principal,
        Self::Client,
        Self::Server,
        Self::Tool,
    ];

    /// The word for it in metrics and in Redis.
    pub fn label(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Principal => "principal",
            Self::Client => "client",
            Self::Server => "server",
            Self::Tool => "tool",
        }
    }

    fn of(wire: RateDimension) -> Option<Self> {
        match wire {
            RateDimension::Unspecified => None,
            RateDimension::Tenant => Some(Self::Tenant),
            RateDimension::Principal => Some(Self::Principal),
            RateDimension::Client => Some(Self::Client),
            RateDimension::Server => Some(Self::Server),
            RateDimension::Tool => Some(Self::Tool),
        }
    }
}

/// A bucket of `burst` tokens that fills with `tokens` every `per_ms` milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limit {
    /// 1 to 1,000,000.
    pub tokens: u32,
    /// 1,000 to 86,400,000.
    pub per_ms: u32,
    /// 1 to 1,000,000.
    pub burst: u32,
}

/// At most one limit per dimension.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    by_dimension: [Option<Limit>; Dimension::ALL.len()],
}

impl Limits {
    /// Reads config. The error is the path of the field that is not acceptable, such as
    /// `limits[1].tokens`.
    pub fn compile(config: &RateLimits) -> Result<Self, String> {
        let mut limits = Self::default();
        for (index, limit) in config.limits.iter().enumerate() {
            let fault = |field: &str| format!("limits[{index}].{field}");
            let dimension = Dimension::of(limit.dimension()).ok_or_else(|| fault("dimension"))?;
            let place = &mut limits.by_dimension[dimension as usize];
            if place.is_some() {
                return Err(fault("dimension"));
            }
            *place = Some(Limit::compile(limit).map_err(fault)?);
        }
        Ok(limits)
    }

    /// The limit of one dimension.
    pub fn get(&self, dimension: Dimension) -> Option<&Limit> {
        self.by_dimension[dimension as usize].as_ref()
    }

    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        self.by_dimension.iter().all(Option::is_none)
    }

    /// The limits of a tenant: its own, if it has any said, else those of the installation.
    pub fn of_tenant<'a>(own: Option<&'a Arc<Self>>, defaults: &'a Arc<Self>) -> &'a Arc<Self> {
        own.unwrap_or(defaults)
    }

    /// With a limit in one dimension.
    pub fn with(mut self, dimension: Dimension, limit: Limit) -> Self {
        self.by_dimension[dimension as usize] = Some(limit);
        self
    }
}

impl Limit {
    fn compile(config: &RateLimit) -> Result<Self, &'static str> {
        let tokens = bounded(config.tokens).ok_or("tokens")?;
        let burst = match config.burst {
            0 => tokens,
            burst => bounded(burst).ok_or("burst")?,
        };
        let per_ms = match &config.per {
            None => MIN_PER_MS,
            Some(per) => milliseconds(per.seconds, per.nanos).ok_or("per")?,
        };
        Ok(Self {
            tokens,
            per_ms,
            burst,
        })
    }
}

fn bounded(number: u32) -> Option<u32> {
    (1..=MAX_TOKENS).contains(&number).then_some(number)
}

/// A whole number of milliseconds from 1 s to 1 d.
fn milliseconds(seconds: i64, nanos: i32) -> Option<u32> {
    if nanos < 0 || nanos % 1_000_000 != 0 {
        return None;
    }
    let whole = seconds.checked_mul(1_000)?;
    let all = u32::try_from(whole.checked_add(i64::from(nanos) / 1_000_000)?).ok()?;
    (MIN_PER_MS..=MAX_PER_MS).contains(&all).then_some(all)
}

const MAX_TOKENS: u32 = 1_000_000;
const MIN_PER_MS: u32 = 1_000;
const MAX_PER_MS: u32 = 86_400_000;

#[cfg(test)]
mod tests {
    use prost_types::Duration;

    use super::*;

    /// limit.proto: what is left out.
    #[test]
    fn a_limit_without_time_and_burst_is_per_second_and_as_deep_as_its_rate() {
        let limits = compile(&[limit(RateDimension::Tenant, 7)]).unwrap();
        let expected = Limit {
            tokens: 7,
            per_ms: 1_000,
            burst: 7,
        };
        assert_eq!(limits.get(Dimension::Tenant), Some(&expected));
        assert_eq!(limits.get(Dimension::Tool), None);
        assert!(!limits.is_empty());
        assert!(compile(&[]).unwrap().is_empty());
    }

    #[test]
    fn limits_out_of_range_are_refused_by_field() {
        let good = limit(RateDimension::Server, 1);
        assert!(compile(&[good]).is_ok());
        let per = |seconds, nanos| RateLimit {
            per: Some(Duration { seconds, nanos }),
            ..good
        };
        let day = compile(&[per(86_400, 0)]).unwrap();
        assert_eq!(day.get(Dimension::Server).unwrap().per_ms, 86_400_000);
        let with = |tokens, burst| RateLimit {
            tokens,
            burst,
            ..good
        };
        for (bad, field) in [
            (limit(RateDimension::Unspecified, 1), "dimension"),
            (with(0, 0), "tokens"),
            (with(1_000_001, 0), "tokens"),
            (with(1, 1_000_001), "burst"),
            (per(0, 999_000_000), "per"),
            (per(86_400, 1_000_000), "per"),
            (per(1, 1), "per"),
            (per(i64::MAX, 0), "per"),
            (per(-1, 0), "per"),
        ] {
            assert_eq!(compile(&[bad]).unwrap_err(), format!("limits[0].{field}"));
        }
        let twice = compile(&[good, good]).unwrap_err();
        assert_eq!(twice, "limits[1].dimension");
    }

    fn compile(limits: &[RateLimit]) -> Result<Limits, String> {
        Limits::compile(&RateLimits {
            limits: limits.to_vec(),
        })
    }

    fn limit(dimension: RateDimension, tokens: u32) -> RateLimit {
        RateLimit {
            dimension: dimension.into(),
            tokens,
            per: None,
            burst: 0,
        }
    }
}
