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
use token::{
    access::AccessToken,
    jwt::{Claims, Refusal},
};

use super::oauth::Verified;

/// The memory of one kind of tokens, by what they say.
pub(super) struct Remembered<T>(Cache<TokenId, Arc<T>, Size>);

/// What a token says, of which it is known how much memory it takes.
pub(super) trait Said {
    /// About how many bytes its texts take: what issuers write into tokens is not ours to bound.
    fn texts(&self) -> usize;
}

/// A token at one authenticator of one tenant: SHA-256 over all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenId([u8; 32]);

impl TokenId {
    /// The token at the tenant's authenticator with this id. Both ids have a fixed length.
    pub(super) fn of(tenant: TenantUid, authenticator: &[u8; 32], token: &str) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(tenant.uuid().as_bytes());
        context.update(authenticator);
        context.update(token.as_bytes());
        let digest = context.finish();
        Self(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

impl<T: Said> Remembered<T> {
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
        holds: impl Fn(&T) -> bool,
        verify: impl FnOnce() -> Result<T, Refusal>,
    ) -> Result<Arc<T>, Refusal> {
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

/// About how many bytes an entry takes.
#[derive(Clone)]
struct Size;

impl<T: Said> Weighter<TokenId, Arc<T>> for Size {
    fn weight(&self, _: &TokenId, said: &Arc<T>) -> u64 {
        (ENTRY + said.texts()).try_into().unwrap_or(u64::MAX)
    }
}

impl Said for Claims {
    fn texts(&self) -> usize {
        let lists: [&[Box<str>]; 3] = [&self.roles, &self.groups, &self.audiences];
        let named = self.client.iter().chain(&self.kid).map(|text| text.len());
        self.subject.len() + lists.map(bytes).iter().sum::<usize>() + named.sum::<usize>()
    }
}

impl Said for Verified {
    fn texts(&self) -> usize {
        let AccessToken {
            audiences,
            scopes,
            roles,
            groups,
            ..
        } = &self.token;
        let lists = [audiences, scopes, roles, groups];
        let token = &self.token;
        let named = [
            &token.issuer,
            &token.subject,
            &token.username,
            &token.client,
        ];
        let named = named.map(|text| text.len());
        lists.map(|list| bytes(list)).iter().chain(&named).sum()
    }
}

fn bytes(list: &[Box<str>]) -> usize {
    let sizes = list.iter().map(|text| size_of::<Box<str>>() + text.len());
    sizes.sum()
}

/// How many tokens are expected at most.
const TOKENS: usize = 100_000;
/// All entries together.
const BYTES: u64 = 64 << 20;
/// An entry without its texts.
const ENTRY: usize = 320;
/// Longer than a signature check takes, even on a thread that has to wait for its turn.
const WAIT: Duration = Duration::from_millis(50);
