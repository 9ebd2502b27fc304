use std::time::UNIX_EPOCH;

use super::*;

#[test]
fn a_batch_holds_what_follows_a_position() {
    let log = Log::new(7, 2, 9, some([2, 3, 5, 8]));
    assert_eq!(numbers(&log.batch(0, 100)), (vec![2, 3, 5, 8], 9));
    assert_eq!(numbers(&log.batch(3, 100)), (vec![5, 8], 9));
    assert_eq!(numbers(&log.batch(8, 100)), (vec![], 9));
    assert_eq!(numbers(&log.batch(20, 100)), (vec![], 9));
}

/// A batch that is cut says how far it reaches, so that no position covers what was not sent.
#[test]
fn a_batch_that_is_cut_reaches_only_to_its_end() {
    let log = Log::new(7, 1, 9, some([2, 3, 5, 8]));
    assert_eq!(numbers(&log.batch(0, 2)), (vec![2, 3], 3));
    assert_eq!(numbers(&log.batch(3, 2)), (vec![5, 8], 9));
}

#[test]
fn logs_share_what_they_have_in_common_and_lose_what_is_below_the_base() {
    let all: Vec<u64> = (1..=3000).collect();
    let one = Log::new(7, 1, 3000, some(all));
    let two = one.advance(1, 3001, some([3001]));
    assert_eq!((one.len(), two.len()), (3000, 3001));
    assert!(Arc::ptr_eq(&one.chunks[0], &two.chunks[0]));
    let three = two.advance(1025, 3001, Vec::new());
    assert_eq!(three.len(), 3001 - 1024);
    assert_eq!(numbers(&three.batch(2999, 9)), (vec![3000, 3001], 3001));
}

#[test]
fn sweeping_takes_what_has_expired_and_keeps_the_head() {
    let mut all = some([1, 2, 3]);
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    all[1].expire_time = Some(at(10).into());
    let log = Log::new(7, 1, 3, all);
    assert_eq!(log.swept(at(9)), None);
    let swept = log.swept(at(10)).unwrap();
    assert_eq!(numbers(&swept.batch(0, 9)), (vec![1, 3], 3));
    assert_eq!(swept.swept(at(11)), None);
}

fn some(sequences: impl IntoIterator<Item = u64>) -> Vec<v1::Revocation> {
    let one = |sequence| v1::Revocation {
        sequence,
        ..Default::default()
    };
    sequences.into_iter().map(one).collect()
}

fn numbers(batch: &v1::RevocationBatch) -> (Vec<u64>, u64) {
    let numbers = batch.revocations.iter().map(|one| one.sequence);
    (numbers.collect(), batch.head)
}

/// A number that has come again with another meaning is noticed, and what has expired is not missed.
#[test]
fn a_log_agrees_with_a_database_that_has_its_last_revocation() {
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let mut all = some([1, 2]);
    all[1].expire_time = Some(at(1000).into());
    let log = Log::new(7, 1, 2, all.clone());
    assert!(log.agrees(Some(&all[1]), at(0)));
    assert!(!log.agrees(None, at(0)));
    assert!(log.agrees(None, at(1000)));
    let other = v1::Revocation {
        tenant_uid: "another".to_owned(),
        ..all[1].clone()
    };
    assert!(!log.agrees(Some(&other), at(0)));
    // The last one has expired here, too: then there is nothing to compare.
    let swept = Log::new(7, 1, 2, some([1]));
    assert!(swept.agrees(None, at(0)) && swept.agrees(Some(&other), at(0)));
}

/// Nobody vouches for a database that went back, or that may be another one.
#[tokio::test]
async fn a_log_is_vouched_for_without_doubts_only() {
    let doubts = Doubts::new();
    let shared = Arc::new(Shared::new(doubts.clone()));
    let (sender, newest) = watch::channel(None);
    let logs = Logs::new(newest, Arc::clone(&shared));
    let now = Instant::now();
    assert!(!logs.vouched() && !logs.reaches(7, 0));
    assert_eq!(logs.looked_since(now, Duration::ZERO).await, None);
    sender.send_replace(Some(Arc::new(Log::new(7, 1, 3, Vec::new()))));
    shared.looked(Instant::now());
    assert!(logs.vouched() && logs.reaches(7, 3));
    assert!(!logs.reaches(7, 4) && !logs.reaches(8, 3));
    assert!(logs.looked_since(now, Duration::ZERO).await.is_some());
    let later = Instant::now() + Duration::from_secs(1);
    assert_eq!(logs.looked_since(later, Duration::ZERO).await, None);
    assert!(shared.note_back() && !shared.note_back());
    assert!(logs.went_back() && !logs.vouched() && !logs.reaches(7, 3));
    shared.looked(Instant::now());
    assert!(logs.vouched());
    doubts.reconnected();
    assert!(!logs.vouched() && logs.reaches(7, 3));
}
