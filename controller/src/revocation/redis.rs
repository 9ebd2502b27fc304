//! Carries the log to Redis, which is the second way to nodes and never the truth. Every controller
//! does so; a script sees to it that they do not disturb each other, and that a Redis that lost
//! something gets it again.

use std::{error::Error as _, sync::LazyLock, time::Duration};

use prost::Message as _;
use proto::revocation::{MARKER, STREAM};
use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo, RedisError, Script,
    aio::MultiplexedConnection, io::tcp::TcpSettings,
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use super::log::{Log, Logs};
use crate::epoch::{Doubts, Seen};

/// Whether this is a URL that a connection can be made with.
pub fn is_url(url: &SecretString) -> bool {
    url.expose_secret().into_connection_info().is_ok()
}

/// The one writer of a controller.
pub struct Publisher {
    url: SecretString,
    logs: Logs,
    reached: watch::Sender<Option<At>>,
    link: Option<MultiplexedConnection>,
    /// The last entry, as far as we know.
    last: u64,
    /// The last revocation in the database, as of the last look.
    head: u64,
    doubts: Doubts,
    ahead: Ahead,
}

/// Whether Redis has what the database has not. That is so for a moment whenever another controller is
/// quicker; for longer, the database was set back while no controller ran. Believed once only, for
/// Redis is not the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ahead {
    /// So often in a row.
    Times(u32),
    /// It was believed.
    Believed,
}

/// How far Redis is. Clones share it.
#[derive(Debug, Clone)]
pub struct Reached(watch::Receiver<Option<At>>);

/// Redis carries everything up to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct At {
    epoch: u64,
    sequence: u64,
}

#[derive(Debug, thiserror::Error)]
enum PublishError {
    #[error("the URL of Redis cannot be read")]
    Url(#[source] RedisError),
    #[error("no answer from Redis in time")]
    Deadline,
    #[error("Redis refuses")]
    Redis(#[source] RedisError),
    #[error("the revocations in Redis belong to a newer epoch")]
    Newer,
}

/// What the script returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The number of the last entry.
    Last(u64),
    /// The stream belongs to a newer epoch.
    Newer,
}

impl Publisher {
    /// Carries these logs to this Redis.
    pub fn new(url: SecretString, logs: Logs, doubts: Doubts) -> (Self, Reached) {
        let (reached, receiver) = watch::channel(None);
        let publisher = Self {
            url,
            logs,
            reached,
            link: None,
            last: 0,
            head: 0,
            doubts,
            ahead: Ahead::Times(0),
        };
        (publisher, Reached(receiver))
    }

    /// Publishes until `soft` is cancelled.
    pub async fn run(mut self, soft: CancellationToken) {
        let mut tick = interval(MARK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut away = false;
        loop {
            tokio::select! {
                () = soft.cancelled() => return,
                _ = tick.tick() => {}
                changed = self.logs.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
            let Some(log) = self.logs.take() else {
                continue;
            };
            // Cancelled between two commands at worst; each is whole by itself.
            let Some(outcome) = soft.run_until_cancelled(self.carry(&log)).await else {
                return;
            };
            metrics::gauge!("aldgate_revocation_redis_up")
                .set(f64::from(u8::from(outcome.is_ok())));
            match outcome {
                Ok(()) if std::mem::take(&mut away) => {
                    tracing::info!("redis carries revocations again");
                }
                Ok(()) => {}
                Err(error) => {
                    self.link = None;
                    self.reached.send_replace(None);
                    if !std::mem::replace(&mut away, true) {
                        let cause = error.source().map(ToString::to_string);
                        tracing::warn!(%error, cause, "redis carries no revocations");
                    }
                }
            }
        }
    }

    /// Brings Redis up to this log, or takes back what was said of it.
    async fn carry(&mut self, log: &Log) -> Result<(), PublishError> {
        if self.logs.went_back() {
            self.reached.send_replace(None);
            return self.withdraw(log).await;
        }
        let outcome = self.publish(log).await;
        let seen = match &outcome {
            Ok(()) if self.last > log.head => Some(Seen {
                epoch: log.epoch,
                revision: 0,
                revocation: self.last,
            }),
            Err(PublishError::Newer) => Some(Seen {
                epoch: log.epoch + 1,
                ..Seen::default()
            }),
            Ok(()) | Err(_) => None,
        };
        let seen = seen.filter(|_| self.logs.vouched());
        // While the database moves on, too, it is only slower.
        let still = std::mem::replace(&mut self.head, log.head) == log.head;
        if self.ahead.is_believed_now(still && seen.is_some())
            && let Some(seen) = seen
        {
            self.doubts.raise(seen);
        }
        outcome
    }

    async fn withdraw(&mut self, log: &Log) -> Result<(), PublishError> {
        let link = self.link().await?;
        let withdrawn = timeout(DEADLINE, withdraw(log.epoch, link)).await;
        withdrawn
            .map_err(|_| PublishError::Deadline)?
            .map_err(PublishError::Redis)
    }

    /// Brings Redis up to this log.
    async fn publish(&mut self, log: &Log) -> Result<(), PublishError> {
        loop {
            let vouched = self.logs.vouched();
            let batch = log.batch(self.last, MANY);
            let entries = entries(&batch, self.last);
            let before = self.last;
            let step = step(log, vouched, self.last, &entries);
            let link = self.link().await?;
            let run = timeout(DEADLINE, step.run(link));
            self.last = match run.await.map_err(|_| PublishError::Deadline)? {
                Ok(Published::Last(last)) => last,
                Ok(Published::Newer) => return Err(PublishError::Newer),
                Err(error) => return Err(PublishError::Redis(error)),
            };
            // What is beyond the log may be of another history.
            self.reached
                .send_replace((self.last <= log.head).then_some(At {
                    epoch: log.epoch,
                    sequence: self.last,
                }));
            // Behind after a step that moved nothing: another controller writes, and this one looks
            // again with the next tick.
            if self.last >= log.head || (self.last == before && !entries.is_empty()) {
                return Ok(());
            }
        }
    }

    async fn link(&mut self) -> Result<&mut MultiplexedConnection, PublishError> {
        if self.link.is_none() {
            self.link = Some(connect(&self.url).await?);
        }
        Ok(self.link.as_mut().expect("made above"))
    }
}

impl Ahead {
    /// Redis is ahead, or is not; whether that has to be believed, which is said once.
    fn is_believed_now(&mut self, ahead: bool) -> bool {
        *self = match *self {
            Self::Believed => return false,
            Self::Times(_) if !ahead => Self::Times(0),
            Self::Times(AHEAD) => Self::Believed,
            Self::Times(times) => Self::Times(times + 1),
        };
        *self == Self::Believed
    }
}

impl Reached {
    /// Nobody carries anything to Redis.
    pub fn never() -> Self {
        Self(watch::channel(None).1)
    }

    /// Waits until Redis carries everything up to `sequence`, at most `within`.
    pub async fn carries(&self, epoch: u64, sequence: u64, within: Duration) -> bool {
        let mut reached = self.0.clone();
        let carried = reached
            .wait_for(|at| at.is_some_and(|at| at.epoch == epoch && at.sequence >= sequence));
        matches!(timeout(within, carried).await, Ok(Ok(_)))
    }
}

/// Takes back that anybody vouches for the stream of this epoch.
pub async fn withdraw(epoch: u64, link: &mut MultiplexedConnection) -> Result<(), RedisError> {
    let mut run = WITHDRAWAL.prepare_invoke();
    run.key(MARKER).arg(epoch);
    run.invoke_async(link).await
}

/// One run of the script.
#[derive(Debug)]
pub struct Step<'a> {
    /// The epoch of config.
    pub epoch: u64,
    /// Every revocation numbered lower has expired.
    pub base: u64,
    /// The number of the last revocation, if the database was asked a moment ago.
    pub head: Option<u64>,
    /// More entries than this are too many: the stream is begun anew.
    pub most: usize,
    /// The number that the entries follow.
    pub after: u64,
    /// Number and encoded revocation.
    pub entries: &'a [(u64, Vec<u8>)],
}

impl Step<'_> {
    /// Runs it.
    pub async fn run(&self, link: &mut MultiplexedConnection) -> Result<Published, RedisError> {
        let mut run = SCRIPT.prepare_invoke();
        run.key(STREAM).key(MARKER).arg(self.epoch).arg(self.base);
        match self.head {
            Some(head) => run.arg(head),
            None => run.arg(""),
        };
        run.arg(self.most).arg(self.after);
        for (sequence, revocation) in self.entries {
            run.arg(*sequence).arg(revocation.as_slice());
        }
        let last: i64 = run.invoke_async(link).await?;
        Ok(u64::try_from(last).map_or(Published::Newer, Published::Last))
    }
}

fn step<'a>(log: &Log, vouched: bool, after: u64, entries: &'a [(u64, Vec<u8>)]) -> Step<'a> {
    Step {
        epoch: log.epoch,
        base: log.base,
        head: vouched.then_some(log.head),
        // What has expired in the middle stays until then.
        most: log.len() * 2 + ROOM,
        after,
        entries,
    }
}

/// A batch as entries. Where its last revocations have expired, an empty entry stands for them.
fn entries(batch: &proto::sync::v1::RevocationBatch, after: u64) -> Vec<(u64, Vec<u8>)> {
    let encoded = |one: &proto::sync::v1::Revocation| (one.sequence, one.encode_to_vec());
    let mut entries: Vec<_> = batch.revocations.iter().map(encoded).collect();
    let last = entries.last().map_or(after, |(sequence, _)| *sequence);
    if last < batch.head {
        entries.push((batch.head, Vec::new()));
    }
    entries
}

async fn connect(url: &SecretString) -> Result<MultiplexedConnection, PublishError> {
    let info = url.expose_secret().into_connection_info();
    let info = info.map_err(PublishError::Url)?;
    // What is small must not wait for more.
    let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    let client = Client::open(info).map_err(PublishError::Url)?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(DEADLINE))
        .set_response_timeout(Some(DEADLINE));
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    let connected = timeout(DEADLINE, connecting).await;
    let connected = connected.map_err(|_| PublishError::Deadline)?;
    connected.map_err(PublishError::Redis)
}

/// For the epoch alone that it was said of.
static WITHDRAWAL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HGET', KEYS[1], 'epoch') == ARGV[1] then
             redis.call('HDEL', KEYS[1], 'time', 'run')
         end",
    )
});

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/publish.lua")));

const MARK_EVERY: Duration = Duration::from_secs(1);
const DEADLINE: Duration = Duration::from_secs(1);
/// How often in a row Redis may be ahead of the database: some seconds.
const AHEAD: u32 = 3;
const MANY: usize = 500;
const ROOM: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// Another controller may be quicker for a moment, and Redis cannot ask for one epoch after another.
    #[test]
    fn redis_is_believed_after_some_seconds_and_once() {
        let mut ahead = Ahead::Times(0);
        let mut said = |all: &[bool]| -> Vec<bool> {
            let said = all.iter().map(|one| ahead.is_believed_now(*one));
            said.collect()
        };
        assert_eq!(said(&[true, true, true, false]), [false; 4]);
        assert_eq!(said(&[true, true, true, true]), [false, false, false, true]);
        assert_eq!(said(&[true; 9]), [false; 9]);
    }
}
