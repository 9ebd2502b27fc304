//! Waiting until a change is live on every node (`WaitForRevision`).

use std::time::Duration;

use proto::admin::v1::{WaitForRevisionRequest, WaitForRevisionResponse};
use tonic::{Code, Request, Status};

use crate::{
    args::WaitArgs,
    connect::Session,
    failure::{Failure, NotLive},
    output::Printer,
};

/// Waits for a change that was just made, if `--wait` asks for it.
pub(crate) async fn wait_if_asked(
    args: &WaitArgs,
    session: &Session,
    printer: &Printer,
    revision: u64,
    tenant: &str,
) -> Result<(), Failure> {
    // What changed nothing made no revision.
    if !args.wait || revision == 0 {
        return Ok(());
    }
    let answer = wait(session, revision, args.wait_timeout, tenant).await?;
    match answer.nodes.len() {
        0 => printer.note(&format!(
            "revision {revision} is committed; no node is connected to run it"
        )),
        1 => printer.note(&format!("revision {revision} is live on 1 node")),
        count => printer.note(&format!("revision {revision} is live on {count} nodes")),
    }
    Ok(())
}

/// Waits until everything up to the revision is live. `tenant` is a resource name, empty for all.
pub(crate) async fn wait(
    session: &Session,
    revision: u64,
    timeout: Duration,
    tenant: &str,
) -> Result<WaitForRevisionResponse, Failure> {
    let mut request = Request::new(request(revision, timeout, tenant));
    // The controller ends the wait; this only catches a controller that does not.
    request.set_timeout(timeout + GRACE);
    match session.revisions().wait_for_revision(request).await {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) => Err(failure(revision, status)),
    }
}

fn request(revision: u64, timeout: Duration, tenant: &str) -> WaitForRevisionRequest {
    WaitForRevisionRequest {
        revision,
        timeout: prost_types::Duration::try_from(timeout).ok(),
        tenant: tenant.to_owned(),
    }
}

fn failure(revision: u64, status: Status) -> Failure {
    match status.code() {
        Code::FailedPrecondition => Failure::Rejected(NotLive::read(revision, &status)),
        Code::DeadlineExceeded | Code::Cancelled => {
            Failure::WaitTimedOut(NotLive::read(revision, &status))
        }
        _ => status.into(),
    }
}

const GRACE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_change_is_waited_for_in_its_name() {
        let request = request(17, Duration::from_millis(2_500), "tenants/acme");
        assert_eq!(
            (request.revision, request.tenant.as_str()),
            (17, "tenants/acme")
        );
        let timeout = request.timeout.unwrap();
        assert_eq!((timeout.seconds, timeout.nanos), (2, 500_000_000));
    }

    #[test]
    fn a_reject_and_a_timeout_have_codes_of_their_own() {
        let rejected = failure(17, Status::failed_precondition("rejected"));
        assert_eq!(u8::from(rejected.exit_code()), 1);
        let late = failure(17, Status::deadline_exceeded("late"));
        assert_eq!(u8::from(late.exit_code()), 3);
        let gone = failure(17, Status::unavailable("gone"));
        assert_eq!(u8::from(gone.exit_code()), 6);
    }
}
