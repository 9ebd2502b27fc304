//! Keeps the two streams to a controller open and the replica up to date: dial, say hello, take in
//! frames, acknowledge, and start again somewhere else when that ends. What frames mean is decided
//! in `super::replica`; nothing here ever waits for the controller to take something while there is
//! something to read.

use std::{sync::Arc, time::Duration};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use uuid::Uuid;

use super::{
    Config, Gates, Source,
    link::{self, Backoff, Controller},
    meters::{Meters, count_reconnect},
    replica::{Leases, Replica},
    snapshot::Snapshot,
};

/// One conversation with a controller.
mod conversation;

pub(super) use self::conversation::End;

/// Keeps the config stream and the lease stream open until the soft token is cancelled. Whatever
/// happens to the controllers, the current snapshot stays.
pub async fn run(config: Config, source: Source, gates: Gates, soft: CancellationToken) {
    let node = Node::new(config, source, gates);
    tokio::select! {
        () = soft.cancelled() => {}
        () = node.meters.clone().watch_age() => {}
        () = node.follow() => {}
    }
}

/// This node's side of the streams, whichever controller is at the other end.
struct Node {
    config: Config,
    source: Source,
    gates: Gates,
    meters: Meters,
    replica: Replica,
    /// New with every start of the process.
    boot_id: Uuid,
    /// Whether a controller has said all that it knew about leases.
    leases: Leases,
    trust: Trust,
    rng: StdRng,
}

/// Whether what we hold is what controllers sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// As far as anybody knows.
    Held,
    /// A digest differed: the next hello asks for everything.
    Lost,
    /// Everything was asked for, and no digest has confirmed it yet.
    Restoring,
}

impl Node {
    fn new(config: Config, source: Source, gates: Gates) -> Self {
        let replica = Replica::new(source.jwt.clone());
        Self {
            config,
            source,
            gates,
            meters: Meters::new(),
            replica,
            boot_id: Uuid::new_v4(),
            leases: Leases::More,
            trust: Trust::Held,
            rng: StdRng::from_os_rng(),
        }
    }

    /// One conversation after the other, for ever.
    async fn follow(mut self) {
        let controllers = self.source.controllers.clone();
        if controllers.is_empty() {
            tracing::error!("no controller is known, so no config will come");
            return std::future::pending().await;
        }
        // Nodes that start together should not all start with the same controller.
        let mut turn = self.rng.random_range(0..controllers.len());
        let mut backoff = Backoff::default();
        let mut channel = None;
        loop {
            let controller = &controllers[turn % controllers.len()];
            let end = self.attempt(controller, &mut channel, &mut backoff).await;
            count_reconnect(end.label());
            end.log(controller);
            if !end.keeps_connection() {
                channel = None;
                turn += 1;
            }
            sleep(backoff.next(&mut self.rng)).await;
        }
    }

    /// A conversation over the connection there is, or over a new one.
    async fn attempt(
        &mut self,
        controller: &Controller,
        channel: &mut Option<Channel>,
        backoff: &mut Backoff,
    ) -> End {
        let connection = match channel {
            Some(connection) => connection.clone(),
            None => match link::connect(controller, &self.source.tls).await {
                Ok(connection) => channel.insert(connection).clone(),
                Err(error) => return End::Unreachable(error),
            },
        };
        Box::pin(conversation::hold(self, connection, backoff)).await
    }

    /// Shows the request path what has changed. Much of it is worked out where it blocks nobody.
    async fn publish(&mut self) {
        let snapshot = if self.replica.changed_tenants() > INLINE_TENANTS {
            self.aside(Replica::snapshot).await
        } else {
            self.replica.snapshot()
        };
        self.show(snapshot);
    }

    /// Runs heavy work on the replica where it blocks nobody.
    async fn aside<T: Default + Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Replica) -> T + Send + 'static,
    ) -> T {
        let mut replica = std::mem::take(&mut self.replica);
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&mut replica);
            (replica, result)
        });
        match done.await {
            Ok((replica, result)) => {
                self.replica = replica;
                result
            }
            Err(error) => {
                // The replica is lost, not the snapshot: the next hello asks for everything.
                tracing::error!(%error, "applying config failed");
                T::default()
            }
        }
    }

    fn show(&mut self, snapshot: Option<Arc<Snapshot>>) {
        self.meters.changed(&self.replica);
        let Some(snapshot) = snapshot else { return };
        self.config.publish(snapshot);
        self.gates.config.open();
        if self.leases == Leases::CaughtUp && self.replica.waiting() == 0 {
            self.gates.leases.open();
        }
    }
}

/// Beyond this, aggregates are made on a thread of their own: about 20 ms of work.
const INLINE_TENANTS: usize = 1000;

/// Longer silence on the config stream means that nobody is there.
const SILENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
