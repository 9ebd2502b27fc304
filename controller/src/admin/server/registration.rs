//! What a tenant says of a server, checked.

use std::time::Duration;

use egress::Endpoint;
use proto::admin::v1;
use serde_json::Value;

use crate::{
    admin::{
        field::{Checks, DISPLAY_NAME},
        mask::Mask,
    },
    error::Error,
    store::server::{EgressMode, Server},
};

/// Where a server is.
pub(super) mod url;

/// What a new server is besides its URL.
pub(super) struct Registration {
    pub(super) display_name: String,
    pub(super) description: String,
    pub(super) timeout: Option<Duration>,
    pub(super) tool_list: Option<String>,
    pub(super) egress: EgressMode,
}

/// A new server's fields.
pub(super) fn read_new(checks: &mut Checks, given: v1::Server) -> Option<(Endpoint, Registration)> {
    checks.line("server.display_name", &given.display_name, DISPLAY_NAME);
    checks.text("server.description", &given.description, DESCRIPTION);
    let timeout = timeout(checks, given.timeout);
    let tool_list = tool_list(checks, given.tool_list_json);
    let egress = egress(checks, given.egress_mode);
    let endpoint = checks.parse("server.url", &given.url)?;
    let registration = Registration {
        egress: egress?,
        display_name: given.display_name,
        description: given.description,
        timeout,
        tool_list,
    };
    Some((endpoint, registration))
}

/// The server with the masked fields as given; its URL is the caller's.
pub(super) fn changed(before: &Server, given: v1::Server, mask: &Mask) -> Result<Server, Error> {
    let mut checks = Checks::new();
    let mut after = before.clone();
    if mask.names("display_name") {
        checks.line("server.display_name", &given.display_name, DISPLAY_NAME);
        after.display_name = given.display_name;
    }
    if mask.names("description") {
        checks.text("server.description", &given.description, DESCRIPTION);
        after.description = given.description;
    }
    if mask.names("timeout") {
        after.timeout = timeout(&mut checks, given.timeout);
    }
    if mask.names("tool_list_json") {
        after.tool_list = tool_list(&mut checks, given.tool_list_json);
    }
    if mask.names("egress_mode")
        && let Some(egress) = egress(&mut checks, given.egress_mode)
    {
        after.egress = egress;
    }
    if checks.found().is_empty() {
        Ok(after)
    } else {
        Err(checks.into_error())
    }
}

/// Whole milliseconds from one second to one hour.
fn timeout(checks: &mut Checks, given: Option<prost_types::Duration>) -> Option<Duration> {
    let given = given?;
    let timeout = Duration::try_from(given).ok();
    let timeout = timeout.filter(|timeout| {
        (SHORTEST..=LONGEST).contains(timeout) && timeout.subsec_nanos() % 1_000_000 == 0
    });
    if timeout.is_none() {
        checks.refuse(
            "server.timeout",
            "must be from 1 s to 3600 s, in whole milliseconds",
        );
    }
    timeout
}

/// A number that we do not know must not become the one that means "the stored credential".
fn egress(checks: &mut Checks, given: i32) -> Option<EgressMode> {
    match v1::EgressMode::try_from(given) {
        Ok(v1::EgressMode::Unspecified | v1::EgressMode::Shared) => Some(EgressMode::Shared),
        Ok(v1::EgressMode::Passthrough) => Some(EgressMode::Passthrough),
        Ok(v1::EgressMode::None) => Some(EgressMode::None),
        Err(_) => {
            let text = "must be EGRESS_MODE_SHARED, EGRESS_MODE_PASSTHROUGH or EGRESS_MODE_NONE";
            checks.refuse("server.egress_mode", text);
            None
        }
    }
}

/// A JSON array of objects, kept as it is written.
fn tool_list(checks: &mut Checks, given: String) -> Option<String> {
    if given.is_empty() {
        return None;
    }
    let field = "server.tool_list_json";
    if given.len() > MAX_TOOL_LIST {
        checks.refuse(field, "must have at most 1 MiB");
    } else if serde_json::from_str::<Vec<serde_json::Map<String, Value>>>(&given).is_err() {
        checks.refuse(field, "must be a JSON array of tool objects");
    }
    Some(given)
}

pub(super) const CHANGEABLE: [&str; 7] = [
    "display_name",
    "description",
    "url",
    "timeout",
    "tool_list_json",
    "authenticators",
    "egress_mode",
];
const DESCRIPTION: usize = 2000;
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_hours(1);
const MAX_TOOL_LIST: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_lies_between_a_second_and_an_hour() {
        let accepts = |seconds, nanos| {
            let mut checks = Checks::new();
            timeout(&mut checks, Some(prost_types::Duration { seconds, nanos }));
            checks.found().is_empty()
        };
        assert!(accepts(1, 0) && accepts(3600, 0) && accepts(2, 500_000_000));
        for (seconds, nanos) in [
            (0, 999_000_000),
            (3600, 1_000_000),
            (-5, 0),
            (i64::MAX, 0),
            (2, 1),
        ] {
            assert!(!accepts(seconds, nanos), "{seconds} s {nanos} ns");
        }
    }

    #[test]
    fn a_tool_list_is_an_array_of_objects() {
        let accepts = |text: &str| {
            let mut checks = Checks::new();
            tool_list(&mut checks, text.to_owned());
            checks.found().is_empty()
        };
        assert!(accepts("") && accepts("[]") && accepts(r#"[{"name":"echo"}]"#));
        for bad in ["{}", "[1]", "[", "null", r#"[{"a":1}] x"#] {
            assert!(!accepts(bad), "{bad}");
        }
    }
}
