use std::time::UNIX_EPOCH;

use uuid::Uuid;

use super::*;

#[test]
fn a_revision_is_live_when_every_connected_node_applied_it() {
    let nodes = [node("a", 7), node("b", 9)];
    assert_eq!(verdict(&nodes, 7, None), Verdict::Live);
    assert_eq!(verdict(&nodes, 8, None), Verdict::Pending);
    assert_eq!(
        answers(&nodes, 8, None),
        ["a Missing at 7", "b Applied at 9"]
    );
}

#[test]
fn without_nodes_there_is_nothing_to_wait_for() {
    assert_eq!(verdict(&[], 7, None), Verdict::Live);
}

#[test]
fn a_node_that_went_away_counts_for_ten_seconds() {
    let away = |secs| Node {
        link: Link::Disconnected,
        seen_at: now() - Duration::from_secs(secs),
        ..node("a", 7)
    };
    assert_eq!(verdict(&[away(9)], 8, None), Verdict::Pending);
    assert_eq!(verdict(&[away(9)], 7, None), Verdict::Live);
    assert_eq!(verdict(&[away(10)], 8, None), Verdict::Live);
    let (_, expiry) = judge([away(3), away(8)].iter(), awaited(8, None), now());
    assert_eq!(expiry, Some(Duration::from_secs(2)));
    let (_, expiry) = judge([node("a", 7)].iter(), awaited(8, None), now());
    assert_eq!(expiry, None);
}

#[test]
fn what_a_node_applied_in_another_epoch_does_not_count() {
    let mut restored = node("a", 9);
    restored.applied.epoch = 2;
    assert_eq!(answers(&[restored], 7, None), ["a Missing at 0"]);
}

#[test]
fn a_reject_of_the_awaited_revision_rejects_it() {
    let nodes = [rejecting("a", tenant(1), 8, Severity::Error), node("b", 9)];
    assert_eq!(verdict(&nodes, 8, None), Verdict::Rejected);
    assert_eq!(
        answers(&nodes, 8, None),
        ["a Rejected at 9: 1", "b Applied at 9"]
    );
    assert_eq!(verdict(&nodes, 9, None), Verdict::Live);
    assert_eq!(verdict(&nodes, 7, None), Verdict::Live);
}

#[test]
fn a_tenant_sees_its_own_rejects_of_the_revision_and_no_others() {
    let nodes = [rejecting("a", tenant(1), 8, Severity::Error)];
    assert_eq!(verdict(&nodes, 8, Some(tenant(1))), Verdict::Rejected);
    assert_eq!(answers(&nodes, 8, Some(tenant(2))), ["a Applied at 9"]);
}

#[test]
fn an_older_reject_holds_up_no_later_revision() {
    let nodes = [rejecting("a", tenant(1), 6, Severity::Error)];
    assert_eq!(verdict(&nodes, 6, Some(tenant(1))), Verdict::Rejected);
    assert_eq!(answers(&nodes, 8, Some(tenant(1))), ["a Applied at 9"]);
}

#[test]
fn a_warning_is_shown_and_rejects_nothing() {
    let nodes = [rejecting("a", tenant(1), 8, Severity::Warning)];
    assert_eq!(answers(&nodes, 8, None), ["a Applied at 9: 1"]);
}

#[test]
fn all_answers_are_waited_for_and_a_rejection_is_told_at_the_deadline() {
    let nodes = [rejecting("a", tenant(1), 8, Severity::Error), node("b", 7)];
    let (outcome, _) = judge(nodes.iter(), awaited(8, None), now());
    assert_eq!(outcome.verdict, Verdict::Pending);
    assert_eq!(outcome.at_deadline().verdict, Verdict::Rejected);
}

fn node(id: &str, applied: u64) -> Node {
    Node {
        id: id.parse().unwrap(),
        pool: "default".to_owned(),
        version: String::new(),
        link: Link::Connected,
        applied: Cursor {
            epoch: 1,
            revision: applied,
        },
        rejects: Vec::new(),
        connected_at: now(),
        seen_at: now(),
    }
}

fn rejecting(id: &str, tenant: TenantUid, revision: u64, severity: Severity) -> Node {
    let reject = Reject {
        resource: format!("tenants/{tenant}"),
        revision,
        serving_revision: 0,
        reason: "INVALID_FIELD".to_owned(),
        detail: String::new(),
        severity,
    };
    Node {
        rejects: vec![reject],
        ..node(id, 9)
    }
}

fn verdict(nodes: &[Node], revision: u64, only: Option<TenantUid>) -> Verdict {
    judge(nodes.iter(), awaited(revision, only), now())
        .0
        .verdict
}

fn answers(nodes: &[Node], revision: u64, only: Option<TenantUid>) -> Vec<String> {
    let (outcome, _) = judge(nodes.iter(), awaited(revision, only), now());
    let text = |receipt: &Receipt| {
        let rejects = match receipt.rejects.len() {
            0 => String::new(),
            some => format!(": {some}"),
        };
        let Receipt {
            node,
            answer,
            applied_revision,
            ..
        } = receipt;
        format!("{node} {answer:?} at {applied_revision}{rejects}")
    };
    outcome.receipts.iter().map(text).collect()
}

fn awaited(revision: u64, only: Option<TenantUid>) -> Awaited {
    Awaited {
        cursor: Cursor { epoch: 1, revision },
        only,
    }
}

fn tenant(which: u128) -> TenantUid {
    TenantUid::from_uuid(Uuid::from_u128(which))
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000_000)
}
