//! What controllers last said about each credential and each tenant's secrets. It only
//! remembers; which offer goes with which version of a server is decided in `super::replica`.

use std::{collections::HashMap, sync::Arc};

use aws_lc_rs::digest::{SHA256, digest};
use prost::Message as _;
use proto::{
    id::{ServerUid, TenantUid},
    node::v1::{self as node, watch_leases_response::Kind},
};

use super::{compile::Reason, lease::Lease, secrets::TenantSecrets};

/// The offers.
#[derive(Debug, Default)]
pub(super) struct Offers {
    credentials: HashMap<ServerUid, Said>,
    secrets: HashMap<TenantUid, Secrets>,
    /// Which stream we are listening to: at its end of the catch-up, what it did not mention is gone.
    stream: u64,
}

/// The last word about one server's credential.
#[derive(Debug, Clone)]
pub(super) enum Offer {
    /// Here it is; for the tenant it belongs to.
    Lease(TenantUid, Arc<Lease>),
    /// It cannot be had, or what came cannot be used.
    Refused {
        /// Which generation.
        generation: u64,
        /// The stable code.
        reason: Reason,
        /// For people.
        detail: &'static str,
    },
}

/// What a message changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing that anybody needs to act on, as with a renewal.
    Nothing,
    /// There is another offer for this server.
    Offer(ServerUid),
    /// This server's credential was taken back.
    Withdrawn(ServerUid),
    /// This tenant has other secrets.
    Secrets(TenantUid),
    /// The controller has said everything it knew when we came.
    CaughtUp,
}

#[derive(Debug)]
struct Said {
    stream: u64,
    what: Offer,
}

#[derive(Debug)]
struct Secrets {
    /// Of the message, so that the same secrets said again change nothing.
    sha256: [u8; 32],
    secrets: Arc<TenantSecrets>,
}

impl Offers {
    /// The last word about a server's credential.
    pub(super) fn credential(&self, server: ServerUid) -> Option<&Offer> {
        self.credentials.get(&server).map(|said| &said.what)
    }

    /// What a tenant's sessions and credentials are made and checked with.
    pub(super) fn secrets(&self, tenant: TenantUid) -> Option<&Arc<TenantSecrets>> {
        self.secrets.get(&tenant).map(|held| &held.secrets)
    }

    /// Forgets the secrets of a tenant that is gone.
    pub(super) fn forget(&mut self, tenant: TenantUid) {
        self.secrets.remove(&tenant);
    }

    /// A new stream begins: it will mention everything that still holds.
    pub(super) fn begin(&mut self) {
        self.stream += 1;
    }

    /// Takes in one message of the current stream.
    pub(super) fn hear(&mut self, message: node::WatchLeasesResponse) -> News {
        let news = match message.kind {
            Some(Kind::Lease(lease)) => self.lease(&lease),
            Some(Kind::Refusal(refusal)) => self.refusal(&refusal),
            Some(Kind::TenantSecrets(secrets)) => self.tenant_secrets(&secrets),
            Some(Kind::Withdrawal(gone)) => gone.server_uid.parse().ok().map(|server| {
                self.credentials.remove(&server);
                News::Withdrawn(server)
            }),
            Some(Kind::CaughtUp(_)) => {
                let stream = self.stream;
                self.credentials.retain(|_, said| said.stream == stream);
                Some(News::CaughtUp)
            }
            None => Some(News::Nothing),
        };
        news.unwrap_or_else(|| {
            tracing::error!("a lease message names nobody and was ignored");
            News::Nothing
        })
    }

    fn lease(&mut self, sent: &node::Lease) -> Option<News> {
        let server = sent.server_uid.parse().ok()?;
        let read = Lease::read(sent).and_then(|lease| {
            let tenant = sent.tenant_uid.parse().map_err(|_| "tenant_uid")?;
            Ok((tenant, lease))
        });
        let offer = match read {
            Ok((tenant, lease)) => match self.credential(server) {
                Some(Offer::Lease(holder, held))
                    if *holder == tenant && held.same_credential(&lease) =>
                {
                    held.renew(&lease);
                    Offer::Lease(tenant, Arc::clone(held))
                }
                _ => Offer::Lease(tenant, Arc::new(lease)),
            },
            Err(field) => Offer::Refused {
                generation: sent.generation,
                reason: Reason::CredentialUnreadable,
                detail: field,
            },
        };
        Some(self.offer(server, offer))
    }

    fn refusal(&mut self, sent: &node::Refusal) -> Option<News> {
        let server = sent.server_uid.parse().ok()?;
        let offer = Offer::Refused {
            generation: sent.generation,
            reason: Reason::of_refusal(&sent.reason),
            detail: "the controller refused the lease",
        };
        Some(self.offer(server, offer))
    }

    fn offer(&mut self, server: ServerUid, what: Offer) -> News {
        let stream = self.stream;
        let before = self.credentials.insert(server, Said { stream, what });
        let now = self.credential(server);
        match (before.map(|said| said.what), now) {
            (Some(Offer::Lease(_, before)), Some(Offer::Lease(_, now)))
                if Arc::ptr_eq(&before, now) =>
            {
                News::Nothing
            }
            _ => News::Offer(server),
        }
    }

    fn tenant_secrets(&mut self, sent: &node::TenantSecrets) -> Option<News> {
        let tenant = sent.tenant_uid.parse().ok()?;
        let hash = digest(&SHA256, &zeroize::Zeroizing::new(sent.encode_to_vec()));
        let held = self.secrets.get(&tenant);
        if held.is_some_and(|held| held.sha256 == hash.as_ref()) {
            return Some(News::Nothing);
        }
        let (secrets, unusable) = TenantSecrets::read(sent);
        if unusable > 0 {
            tracing::error!(tenant.id = %tenant, unusable, "secrets of a tenant cannot be used");
        }
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(hash.as_ref());
        let secrets = Arc::new(secrets);
        self.secrets.insert(tenant, Secrets { sha256, secrets });
        Some(News::Secrets(tenant))
    }
}
