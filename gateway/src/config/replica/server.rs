//! One server of the replica: the version that serves, the version that waits for its credential,
//! and what is wrong. The pairing rule lives here: a version that names generation *g* of its
//! credential goes live only with the lease of exactly *g*, and what served before serves on until
//! then (design.md §7).

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use proto::{
    id::{ServerUid, TenantUid},
    name::Slug,
};

use crate::config::{
    compile::{Content, CredentialNeed, Fault, Reason, ServerSpec},
    lease::Lease,
    offers::Offer,
    snapshot::{CredentialUse, Server, ServerSlot},
};

/// How long a version may wait for its lease before that is reported.
pub(super) const LEASE_PATIENCE: Duration = Duration::from_secs(5);

/// What is known of one server.
#[derive(Debug)]
pub(super) struct ServerRecord {
    /// The revision that was sent last.
    pub(super) held: u64,
    /// Why the version that was sent last cannot be used.
    fault: Option<Fault>,
    /// The newest good version, if it is not the one that serves.
    next: Option<Next>,
    live: Option<Live>,
    /// The version that serves is the one that was sent, but its credential was refused since.
    doubt: Option<Trouble>,
}

#[derive(Debug)]
struct Live {
    revision: u64,
    /// What a lease must hold.
    content: Content,
    server: Arc<Server>,
}

#[derive(Debug)]
struct Next {
    revision: u64,
    spec: ServerSpec,
    verdict: Verdict,
}

/// Why the next version is not live.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    /// Its lease has not come yet.
    Waiting(Wait),
    /// Its lease cannot be had, or did not come in time. It goes live when one comes after all.
    GivenUp(Trouble),
}

/// A version waits for its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait {
    /// Since when.
    pub(super) since: Instant,
    /// The oldest revision of the server that was never live nor rejected.
    pub(super) from: u64,
}

/// Whether what the server answers with is another than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Serving {
    /// As before.
    Same,
    /// Another version or credential, or none.
    Changed,
}

/// A stable code and the words for people.
pub(super) type Trouble = (Reason, String);

impl ServerRecord {
    /// A server that nothing is known of yet.
    pub(super) fn new() -> Self {
        Self {
            held: 0,
            fault: None,
            next: None,
            live: None,
            doubt: None,
        }
    }

    /// A good version was sent. It goes live at the next [`Self::pair`] that finds its lease.
    pub(super) fn accept(&mut self, revision: u64, spec: ServerSpec, now: Instant) {
        self.held = revision;
        self.fault = None;
        let fresh = Verdict::Waiting(Wait {
            since: now,
            from: revision,
        });
        let verdict = match self.next.take() {
            // The clock runs on, else a credential that changes often would never be reported.
            Some(Next {
                verdict: Verdict::Waiting(wait),
                ..
            }) => Verdict::Waiting(Wait {
                from: wait.from.min(revision),
                ..wait
            }),
            // Said again, after a reconnect: what was given up stays so.
            Some(before) if before.revision == revision && before.spec.need == spec.need => {
                before.verdict
            }
            _ => fresh,
        };
        self.next = Some(Next {
            revision,
            spec,
            verdict,
        });
    }

    /// A version was sent that cannot be used: what serves, serves on.
    pub(super) fn refuse(&mut self, revision: u64, fault: Fault) {
        self.held = revision;
        self.fault = Some(fault);
        // What waits may still go live, but the reject speaks for it from here on.
        self.lose_patience();
    }

    /// Brings versions and the last word about the credential together.
    pub(super) fn pair(&mut self, id: (TenantUid, ServerUid), offer: Option<&Offer>) -> Serving {
        // A lease of another tenant's server is as good as none.
        let offer = offer.filter(|offer| !matches!(offer, Offer::Lease(t, _) if *t != id.0));
        let advanced = self.advance(id.1, offer);
        match self.refresh(offer) {
            Serving::Changed => Serving::Changed,
            Serving::Same => advanced,
        }
    }

    /// Lets the next version go live if its credential is at hand.
    fn advance(&mut self, uid: ServerUid, offer: Option<&Offer>) -> Serving {
        let Some(next) = &mut self.next else {
            return Serving::Same;
        };
        let found = match next.spec.need {
            CredentialNeed::None => Some(Ok(CredentialUse::None)),
            CredentialNeed::Detached => Some(Ok(CredentialUse::Detached)),
            CredentialNeed::Generation(wanted, content) => {
                let held = self.live.as_ref().and_then(Live::lease);
                let lease = lease_of(wanted, offer, held);
                lease.map(|lease| fitting(lease?, content, &next.spec.endpoint.origin))
            }
        };
        match found {
            None => Serving::Same,
            Some(Err(trouble)) => {
                next.verdict = Verdict::GivenUp(trouble);
                Serving::Same
            }
            Some(Ok(credential)) => {
                let next = self.next.take().expect("looked at above");
                let content = match next.spec.need {
                    CredentialNeed::Generation(_, content) => content,
                    CredentialNeed::None | CredentialNeed::Detached => Content::Credential,
                };
                self.live = Some(Live {
                    revision: next.revision,
                    content,
                    server: Arc::new(Server {
                        uid,
                        slug: next.spec.slug,
                        endpoint: next.spec.endpoint,
                        url: next.spec.url,
                        first_byte_timeout: next.spec.first_byte_timeout,
                        credential,
                        authenticators: next.spec.authenticators,
                        egress: next.spec.egress,
                        tools: next.spec.tools,
                    }),
                });
                Serving::Changed
            }
        }
    }

    /// What is said about the generation that serves already: another value, or a refusal.
    fn refresh(&mut self, offer: Option<&Offer>) -> Serving {
        self.doubt = None;
        let Some(live) = &mut self.live else {
            return Serving::Same;
        };
        let Some(held) = live.lease().cloned() else {
            return Serving::Same;
        };
        let fitting = match lease_of(held.generation, offer, None) {
            None => return Serving::Same,
            Some(Ok(lease)) if Arc::ptr_eq(&lease, &held) => return Serving::Same,
            Some(lease) => {
                let origin = &live.server.endpoint.origin;
                lease.and_then(|lease| fitting(lease, live.content, origin))
            }
        };
        match fitting {
            Err(trouble) => {
                self.doubt = Some(trouble);
                Serving::Same
            }
            Ok(credential) => {
                live.server = Arc::new(Server {
                    credential,
                    ..Server::clone(&live.server)
                });
                Serving::Changed
            }
        }
    }

    /// The controller took the credential back: whoever serves with it has until then to learn why.
    pub(super) fn withdraw(&self, until: SystemTime) {
        if let Some(lease) = self.live.as_ref().and_then(Live::lease) {
            lease.withdraw(until);
        }
    }

    /// Whether and since when a version waits.
    pub(super) fn wait(&self) -> Option<Wait> {
        match self.next {
            Some(Next {
                verdict: Verdict::Waiting(wait),
                ..
            }) => Some(wait),
            _ => None,
        }
    }

    /// The lease did not come in time. The version still goes live when it comes.
    pub(super) fn lose_patience(&mut self) {
        if let Some(next) = &mut self.next {
            let detail = "no lease of the credential's generation came in time".to_owned();
            next.verdict = Verdict::GivenUp((Reason::LeaseTimeout, detail));
        }
    }

    /// What is wrong with the version that was sent last, and which revision serves instead.
    pub(super) fn trouble(&self) -> Option<(&Reason, &str, u64)> {
        let serving = self.live.as_ref().map_or(0, |live| live.revision);
        let next = self.next.as_ref().map(|next| &next.verdict);
        let (reason, detail) = match (&self.fault, next) {
            (Some(fault), _) => (&fault.reason, &fault.detail),
            (None, Some(Verdict::GivenUp((reason, detail)))) => (reason, detail),
            (None, Some(Verdict::Waiting(_))) => return None,
            (None, None) => {
                let (reason, detail) = self.doubt.as_ref()?;
                (reason, detail)
            }
        };
        Some((reason, detail, serving))
    }

    /// What stands under its slug, if that could ever be read. The rank decides where two servers
    /// have the same slug, which a refused version can bring about.
    pub(super) fn slot(&self, uid: ServerUid) -> Option<((bool, u64), &Slug, ServerSlot)> {
        if let Some(live) = &self.live {
            let server = Arc::clone(&live.server);
            let rank = (true, live.revision);
            return Some((rank, &live.server.slug, ServerSlot::Serving(server)));
        }
        let next = self.next.as_ref().map(|next| &next.spec.slug);
        let fault = self.fault.as_ref().and_then(|fault| fault.slug.as_ref());
        let slug = next.or(fault)?;
        Some(((false, self.held), slug, ServerSlot::Quarantined(uid)))
    }
}

impl Live {
    fn lease(&self) -> Option<&Arc<Lease>> {
        match &self.server.credential {
            CredentialUse::Attach(lease) => Some(lease),
            CredentialUse::None | CredentialUse::Detached => None,
        }
    }
}

/// The lease of this generation, offered or held already, or why there is none; nothing when
/// nobody has said anything.
fn lease_of(
    generation: u64,
    offer: Option<&Offer>,
    held: Option<&Arc<Lease>>,
) -> Option<Result<Arc<Lease>, Trouble>> {
    let held = held.filter(|held| held.generation == generation);
    match (offer, held) {
        (Some(Offer::Lease(_, lease)), _) if lease.generation == generation => {
            Some(Ok(Arc::clone(lease)))
        }
        (_, Some(held)) => Some(Ok(Arc::clone(held))),
        (
            Some(Offer::Refused {
                generation: refused,
                reason,
                detail,
            }),
            None,
        ) if *refused == generation => Some(Err((reason.clone(), (*detail).to_owned()))),
        _ => None,
    }
}

/// A lease goes to the origin it was made for and nowhere else, and no call that should carry a
/// credential goes without one.
fn fitting(
    lease: Arc<Lease>,
    content: Content,
    origin: &egress::Origin,
) -> Result<CredentialUse, Trouble> {
    if lease.origin != *origin {
        let detail = "the credential was stored for another origin".to_owned();
        return Err((Reason::CredentialOriginMismatch, detail));
    }
    if content == Content::Credential && lease.header().is_none() {
        let detail = "the lease holds no credential".to_owned();
        return Err((Reason::CredentialUnreadable, detail));
    }
    Ok(CredentialUse::Attach(lease))
}
