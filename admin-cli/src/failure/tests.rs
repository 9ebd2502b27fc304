//! Exit codes, and what people read.

use std::collections::HashMap;

use prost::Message as _;
use proto::admin::v1::{NodeReceipt, Reject, WaitForRevisionResponse, node_receipt::State};
use tonic_types::ErrorDetails;

use super::*;

#[test]
fn every_status_code_has_its_exit_code() {
    for (code, exit) in [
        (Code::InvalidArgument, 2),
        (Code::Unauthenticated, 4),
        (Code::PermissionDenied, 4),
        (Code::Aborted, 5),
        (Code::AlreadyExists, 5),
        (Code::Unavailable, 6),
        (Code::DeadlineExceeded, 6),
        (Code::Cancelled, 6),
        (Code::NotFound, 1),
        (Code::FailedPrecondition, 1),
        (Code::ResourceExhausted, 1),
        (Code::Internal, 1),
        (Code::Unknown, 1),
    ] {
        let failure = Failure::from(Status::new(code, ""));
        assert_eq!(u8::from(failure.exit_code()), exit, "{code:?}");
    }
}

#[test]
fn failures_of_our_own_have_theirs() {
    let file = Failure::File {
        flag: "--key-file",
        path: "f".into(),
        source: io::ErrorKind::NotFound.into(),
    };
    for (failure, exit) in [
        (Failure::Usage(String::new()), 2),
        (file, 2),
        (Failure::NoToken, 4),
        (Failure::Cancelled, 3),
        (Failure::Denied, 1),
        (Failure::Output(io::ErrorKind::Other.into()), 1),
    ] {
        assert_eq!(u8::from(failure.exit_code()), exit, "{failure}");
    }
}

#[test]
fn field_violations_name_the_flag_to_mend() {
    let mut details =
        ErrorDetails::with_bad_request_violation("server.url", "must be http or https");
    details.add_bad_request_violation("credential.value", "must not be empty");
    details.set_error_info("INVALID_ARGUMENT", "aldgate", HashMap::new());
    let status =
        Status::with_error_details(Code::InvalidArgument, "2 fields are not valid", details);
    insta::assert_snapshot!(Failure::from(status).to_string(), @r"
    --url: must be http or https
    --auth-credential-file: must not be empty (INVALID_ARGUMENT)
    ");
}

#[test]
fn other_errors_show_message_and_reason() {
    let details = ErrorDetails::with_error_info("ETAG_MISMATCH", "aldgate", HashMap::new());
    let status = Status::with_error_details(Code::Aborted, "the server has changed", details);
    let failure = Failure::from(status).at("https://127.0.0.1:1");
    insta::assert_snapshot!(failure.to_string(), @"the server has changed (ETAG_MISMATCH)");
    insta::assert_snapshot!(failure.remedy().unwrap(), @"somebody changed it meanwhile: read it again, and repeat the change");
}

#[test]
fn an_inner_failure_shows_where_the_log_tells_more() {
    let mut details = ErrorDetails::with_error_info("INTERNAL", "aldgate", HashMap::new());
    details.set_request_info("0190b7c2", "");
    let status =
        Status::with_error_details(Code::Internal, "the database could not do it", details);
    insta::assert_snapshot!(Failure::from(status).to_string(), @"the database could not do it (INTERNAL), correlation id 0190b7c2");
}

#[test]
fn an_endpoint_that_gives_no_answer_is_named() {
    let failure = Failure::from(Status::unavailable("tcp connect error")).at("https://127.0.0.1:1");
    insta::assert_snapshot!(failure.to_string(), @"https://127.0.0.1:1 does not answer: tcp connect error");
    assert!(failure.remedy().unwrap().contains("ALDGATE_ENDPOINT"));
}

#[test]
fn a_controller_that_gives_its_reason_is_not_called_silent() {
    let details = ErrorDetails::with_error_info("DATABASE_UNAVAILABLE", "aldgate", HashMap::new());
    let status =
        Status::with_error_details(Code::Unavailable, "the database could not do it", details);
    let failure = Failure::from(status).at("https://127.0.0.1:1");
    insta::assert_snapshot!(failure.to_string(), @"the database could not do it (DATABASE_UNAVAILABLE)");
    assert_eq!(u8::from(failure.exit_code()), 6);
}

#[test]
fn a_failed_wait_lists_the_nodes_in_the_way() {
    let reject = Reject {
        resource: "tenants/acme/servers/files".into(),
        reason: "CREDENTIAL_UNREADABLE".into(),
        detail: "the credential cannot be opened".into(),
        ..Reject::default()
    };
    let answer = WaitForRevisionResponse {
        revision: 17,
        nodes: vec![
            receipt("nodes/gw-1", State::Applied, 17, vec![]),
            receipt("nodes/gw-2", State::Missing, 15, vec![]),
            receipt("nodes/gw-3", State::Rejected, 17, vec![reject]),
        ],
    };
    let failure = Failure::Rejected(NotLive::read(17, &with_detail(&answer)));
    insta::assert_snapshot!(failure.to_string(), @r"
    revision 17 is rejected:
      nodes/gw-2: runs revision 15
      nodes/gw-3: cannot apply tenants/acme/servers/files: the credential cannot be opened (CREDENTIAL_UNREADABLE)
    ");
}

#[test]
fn a_failed_wait_without_details_shows_the_message() {
    let failure =
        Failure::WaitTimedOut(NotLive::read(17, &Status::deadline_exceeded("10 s passed")));
    insta::assert_snapshot!(failure.to_string(), @"revision 17 is not live on every node yet: 10 s passed");
}

fn receipt(node: &str, state: State, applied_revision: u64, rejects: Vec<Reject>) -> NodeReceipt {
    NodeReceipt {
        node: node.into(),
        state: state.into(),
        applied_revision,
        rejects,
    }
}

fn with_detail(answer: &WaitForRevisionResponse) -> Status {
    let detail = prost_types::Any {
        type_url: "type.googleapis.com/aldgate.admin.v1.WaitForRevisionResponse".into(),
        value: answer.encode_to_vec(),
    };
    let inner = tonic_types::Status {
        code: Code::FailedPrecondition.into(),
        message: "rejected".into(),
        details: vec![detail],
    };
    Status::with_details(
        Code::FailedPrecondition,
        "rejected",
        inner.encode_to_vec().into(),
    )
}
