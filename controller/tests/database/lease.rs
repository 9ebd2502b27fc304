//! What nodes are given besides config, as a node of one's own sees it.

use proto::node::v1::{
    Lease, TenantSecrets, WatchLeasesRequest, lease_service_client::LeaseServiceClient,
    watch_leases_response::Kind,
};
use tokio::time::{Duration, sleep, timeout};
use tonic::Code;

use crate::support::Stack;

/// Everything that a node which comes now is given.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) leases: Vec<Lease>,
    pub(crate) secrets: Vec<TenantSecrets>,
    pub(crate) refusals: usize,
}

impl Given {
    /// Watches as a new node until it is told that this was all. Waits for config to be as new as
    /// the database: the feed publishes what was committed before the node came.
    pub(crate) async fn to_a_node(stack: &Stack, fits: impl Fn(&Self) -> bool) -> Self {
        let mut client = LeaseServiceClient::new(stack.node_channel().await);
        let request = WatchLeasesRequest {
            node_id: "gw-1".to_owned(),
        };
        let news = client.watch_leases(request.clone()).await;
        let mut news = news.unwrap().into_inner();
        let mut given = Self::default();
        let mut caught_up = false;
        while !(caught_up && fits(&given)) {
            let next = timeout(PATIENCE, news.message()).await;
            let Ok(next) = next else {
                panic!("a node is never given what it should be: {given:?}");
            };
            if next
                .as_ref()
                .is_err_and(|end| end.code() == Code::Unavailable)
            {
                // A controller that has just started; a node comes again, too.
                sleep(Duration::from_millis(20)).await;
                let again = client.watch_leases(request.clone()).await;
                news = again.unwrap().into_inner();
                continue;
            }
            match next.unwrap().unwrap().kind.unwrap() {
                Kind::Lease(lease) => {
                    given
                        .leases
                        .retain(|old| old.server_uid != lease.server_uid);
                    given.leases.push(lease);
                }
                Kind::TenantSecrets(secrets) => {
                    given
                        .secrets
                        .retain(|old| old.tenant_uid != secrets.tenant_uid);
                    given.secrets.push(secrets);
                }
                Kind::Withdrawal(gone) => {
                    given.leases.retain(|old| old.server_uid != gone.server_uid);
                }
                Kind::Refusal(_) => given.refusals += 1,
                Kind::CaughtUp(_) => caught_up = true,
            }
        }
        given
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
