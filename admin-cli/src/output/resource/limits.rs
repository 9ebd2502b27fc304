//! Rate limits, each as `limits set` takes it.

use proto::{
    access::v1::{RateDimension, RateLimit, RateLimits},
    admin::v1::{
        GetDefaultLimitsResponse, GetTenantLimitsResponse, SetDefaultLimitsResponse,
        SetTenantLimitsResponse,
    },
};

use super::Shown;

impl Shown for GetDefaultLimitsResponse {
    const MESSAGE: &'static str = "aldgate.admin.v1.GetDefaultLimitsResponse";

    fn facts(&self) -> Vec<(&'static str, String)> {
        lines(self.limits.as_ref())
    }
}

impl Shown for SetDefaultLimitsResponse {
    const MESSAGE: &'static str = "aldgate.admin.v1.SetDefaultLimitsResponse";

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = lines(self.limits.as_ref());
        facts.push(("revision", self.revision.to_string()));
        facts
    }
}

impl Shown for GetTenantLimitsResponse {
    const MESSAGE: &'static str = "aldgate.admin.v1.GetTenantLimitsResponse";

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = lines(self.limits.as_ref());
        facts.push(("from", from(self.own)));
        facts
    }
}

impl Shown for SetTenantLimitsResponse {
    const MESSAGE: &'static str = "aldgate.admin.v1.SetTenantLimitsResponse";

    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = lines(self.limits.as_ref());
        facts.push(("from", from(self.own)));
        facts.push(("revision", self.revision.to_string()));
        facts
    }
}

fn from(own: bool) -> String {
    if own {
        "the tenant's own".into()
    } else {
        "the defaults".into()
    }
}

fn lines(limits: Option<&RateLimits>) -> Vec<(&'static str, String)> {
    let limits = limits.map_or(&[][..], |limits| &limits.limits);
    if limits.is_empty() {
        return vec![("limits", "none".into())];
    }
    limits.iter().map(|limit| ("limit", line(limit))).collect()
}

fn line(limit: &RateLimit) -> String {
    let dimension = match limit.dimension() {
        RateDimension::Unspecified => "unknown",
        RateDimension::Tenant => "tenant",
        RateDimension::Principal => "principal",
        RateDimension::Client => "client",
        RateDimension::Server => "server",
        RateDimension::Tool => "tool",
    };
    let seconds = limit.per.map_or(1, |per| per.seconds);
    let per = match seconds {
        1 => "s".to_owned(),
        60 => "m".to_owned(),
        3_600 => "h".to_owned(),
        86_400 => "d".to_owned(),
        other => format!("{other}s"),
    };
    let burst = match limit.burst {
        0 => String::new(),
        burst => format!(":{burst}"),
    };
    format!("{dimension}={}/{per}{burst}", limit.tokens)
}

#[cfg(test)]
mod tests {
    use prost_types::Duration;

    use super::*;

    #[test]
    fn a_limit_is_written_as_it_is_set() {
        let limit = |seconds, burst| RateLimit {
            dimension: RateDimension::Principal.into(),
            tokens: 10,
            per: Some(Duration { seconds, nanos: 0 }),
            burst,
        };
        assert_eq!(line(&limit(1, 20)), "principal=10/s:20");
        assert_eq!(line(&limit(86_400, 0)), "principal=10/d");
        assert_eq!(line(&limit(90, 0)), "principal=10/90s");
    }
}
