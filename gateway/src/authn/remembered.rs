//! Tokens that were verified, so that the next request with one costs a look-up instead of a signature
//! check. Bounded, shared by all cores, and keyed by hash: no token is kept. Whether a remembered one
//! still counts is asked each time.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest::{Context, SHA256};
use proto::id::TenantUid;
use quick_cache::{
    Weighter,
    sync::{Cache, GuardResult},
};
use token::jwt::{Claims, Refusal, Rules};

/// The memory.
pub(super) struct Remembered(Cache<TokenId, Arc<Claims>, Size>);

/// A token at one authenticator of one tenant: SHA-256 over all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenId([u8; 32]);

impl TokenId {
    /// The token at the tenant's authenticator with these rules. Both ids have a fixed length.
    pub(super) fn of(tenant: TenantUid, rules: &Rules, token: &str) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(tenant.uuid().as_bytes());
        context.update(rules.identity());
        context.update(token.as_bytes());
        let digest = context.finish();
        Self(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

impl Remembered {
    /// An empty memory.
    pub(super) fn new() -> Self {
        Self::of_bytes(BYTES)
    }

    fn of_bytes(bytes: u64) -> Self {
        Self(Cache::with_weighter(TOKENS, bytes, Size))
    }

    /// What is remembered if it still `holds`, or what `verify` says now. Several threads that have
    /// the same new token at once wait for the first of them, but never long.
    pub(super) fn recall_or(
        &self,
        id: &TokenId,
        holds: impl Fn(&Claims) -> bool,
        verify: impl FnOnce() -> Result<Claims, Refusal>,
    ) -> Result<Arc<Claims>, Refusal> {
        if let Some(claims) = self.0.get(id) {
            if holds(&claims) {
                return Ok(claims);
            }
            self.0.remove_if(id, |held| Arc::ptr_eq(held, &claims));
        }
        match self.0.get_value_or_guard(id, Some(WAIT)) {
            GuardResult::Value(claims) if holds(&claims) => Ok(claims),
            GuardResult::Guard(guard) => {
                let claims = Arc::new(verify()?);
                // An error means that the place was taken back: then it is not remembered.
                let _ = guard.insert(Arc::clone(&claims));
                Ok(claims)
            }
            GuardResult::Value(_) | GuardResult::Timeout => verify().map(Arc::new),
        }
    }
}

/// About how many bytes an entry takes: what issuers write into tokens is not ours to bound.
#[derive(Clone)]
struct Size;

impl Weighter<TokenId, Arc<Claims>> for Size {
    fn weight(&self, _: &TokenId, claims: &Arc<Claims>) -> u64 {
        let lists = [&claims.roles[..], &claims.groups, &claims.audiences];
        let texts = lists.into_iter().flatten().chain(&claims.client);
        let sizes = texts
            .chain(&claims.kid)
            .map(|text| size_of::<Box<str>>() + text.len());
        let bytes = ENTRY + claims.subject.len() + sizes.sum::<usize>();
        bytes.try_into().unwrap_or(u64::MAX)
    }
}

/// How many tokens are expected at most.
const TOKENS: usize = 100_000;
/// All entries together.
const BYTES: u64 = 64 << 20;
/// An entry without its texts.
const ENTRY: usize = 256;
/// Longer than a signature check takes, even on a thread that has to wait for its turn.
const WAIT: Duration = Duration::from_millis(50);
