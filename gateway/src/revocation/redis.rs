//! The feed over Redis, on a connection of its own. It believes nothing that was true of another
//! process: a Redis that restarted, was flushed or lost its end confirms nothing until a controller has
//! compared it with the database again.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use prost::Message as _;
use proto::{
    revocation::{MARKER, STREAM},
    sync::v1::Revocation,
};
use redis::{
    AsyncConnectionConfig, Cmd, FromRedisValue, Pipeline, RedisError, aio::MultiplexedConnection,
    cmd,
};
use secrecy::SecretString;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::{
    entry::Entry,
    marker::{Making, Marker},
};
use super::{Covered, Feed, Revocations};
use crate::redis::client;

/// One entry of the stream.
mod entry;

/// What a controller says about the stream.
mod marker;

/// Follows the stream in this Redis until told to stop.
pub async fn follow(revocations: Revocations, url: SecretString, stop: CancellationToken) {
    stop.run_until_cancelled(keep_following(&revocations, &url))
        .await;
}

async fn keep_following(revocations: &Revocations, url: &SecretString) {
    let mut away = false;
    loop {
        let Err(error) = follow_once(revocations, url, &mut away).await;
        if !std::mem::replace(&mut away, true) {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, cause, "revocations do not come over redis");
        }
        sleep(PAUSE).await;
    }
}

async fn follow_once(
    revocations: &Revocations,
    url: &SecretString,
    away: &mut bool,
) -> Result<Infallible, FeedError> {
    let mut reader = Reader {
        revocations,
        connection: connect(url).await?,
        making: None,
        cursor: 0,
    };
    loop {
        reader.catch_up().await?;
        if std::mem::take(away) {
            tracing::info!("revocations come over redis again");
        }
        reader.wait().await?;
    }
}

/// The feed gives nothing.
#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error("the URL of Redis cannot be read")]
    Url(#[source] RedisError),
    #[error("no answer from Redis in time")]
    Deadline,
    #[error("Redis refuses")]
    Redis(#[source] RedisError),
}

struct Reader<'a> {
    revocations: &'a Revocations,
    connection: MultiplexedConnection,
    /// Which making of the stream is read.
    making: Option<Making>,
    /// Entries up to here were read.
    cursor: u64,
}

impl Reader<'_> {
    /// Reads what there is and what it is worth.
    async fn catch_up(&mut self) -> Result<(), FeedError> {
        let asked = Instant::now();
        let Some(marker) = self.marker().await? else {
            self.making = None;
            return Ok(());
        };
        let Marker { epoch, base, .. } = marker;
        if self.making.as_ref() != Some(&marker.making) {
            self.making = Some(marker.making.clone());
            self.cursor = 0;
        }
        if base > 0 {
            self.revocations.cover(epoch, 0, base - 1);
        }
        self.cursor = self.cursor.max(self.revocations.position(epoch));
        while self.cursor < marker.last {
            let first = format!("{}-0", self.cursor + 1);
            let mut range = cmd("XRANGE");
            range.arg(STREAM).arg(first).arg("+");
            let found: Vec<Entry> = self.ask(range.arg("COUNT").arg(MANY)).await?;
            if found.is_empty() {
                break;
            }
            self.take(&found);
        }
        // What is behind us is not whole, whatever it says.
        if marker.vouches && marker.last >= self.revocations.position(epoch) {
            self.revocations
                .confirm(Feed::Redis, epoch, marker.last, asked);
        }
        Ok(())
    }

    /// Waits for an entry, not longer than until the marker is due again.
    async fn wait(&mut self) -> Result<(), FeedError> {
        let mut read = cmd("XREAD");
        read.arg("COUNT").arg(MANY).arg("BLOCK").arg(BLOCK_MS);
        read.arg("STREAMS")
            .arg(STREAM)
            .arg(format!("{}-0", self.cursor));
        let found: Option<Vec<(String, Vec<Entry>)>> = self.ask(&read).await?;
        for (_, entries) in found.unwrap_or_default() {
            self.take(&entries);
        }
        Ok(())
    }

    fn take(&mut self, entries: &[Entry]) {
        let mut cursor = self.cursor;
        for entry in entries {
            cursor = cursor.max(entry.sequence);
        }
        self.cursor = cursor;
        // One line for a batch, however many of it are at fault: the other feed brings what is left out.
        let added = match decoded(entries) {
            Ok(all) => match self.revocations.add(&all) {
                Ok(()) => true,
                Err(error) => {
                    tracing::error!(%error, "a revocation in redis is ignored");
                    false
                }
            },
            Err(sequence) => {
                tracing::error!(sequence, "a revocation in redis cannot be decoded");
                false
            }
        };
        for entry in entries.iter().filter(|_| added) {
            let Entry {
                epoch,
                after,
                sequence,
                ..
            } = *entry;
            if self.revocations.cover(epoch, after, sequence) == Covered::Gap {
                tracing::debug!(after, sequence, "the stream in redis has a gap");
            }
        }
    }

    /// What a controller says about the stream, if what it says is whole.
    async fn marker(&mut self) -> Result<Option<Marker>, FeedError> {
        let mut pipeline = Pipeline::with_capacity(3);
        pipeline.atomic();
        let mut fields = cmd("HMGET");
        for name in marker::FIELDS {
            if name == marker::FIELDS[0] {
                fields.arg(MARKER);
            }
            fields.arg(name);
        }
        pipeline.add_command(fields);
        pipeline.add_command(cmd("TIME"));
        pipeline.cmd("INFO").arg("server");
        let asked = timeout(DEADLINE, pipeline.query_async(&mut self.connection));
        let asked = asked.await.map_err(|_| FeedError::Deadline)?;
        let answer: marker::Answer = asked.map_err(FeedError::Redis)?;
        Ok(Marker::read(answer))
    }

    async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, FeedError> {
        let asked = timeout(DEADLINE, command.query_async(&mut self.connection));
        let asked = asked.await.map_err(|_| FeedError::Deadline)?;
        asked.map_err(FeedError::Redis)
    }
}

/// The revocations in these entries, or the number of the first that is none.
fn decoded(entries: &[Entry]) -> Result<Vec<Revocation>, u64> {
    let present = entries.iter().filter(|entry| !entry.revocation.is_empty());
    let decoded =
        present.map(|entry| Revocation::decode(&*entry.revocation).map_err(|_| entry.sequence));
    decoded.collect()
}

async fn connect(url: &SecretString) -> Result<MultiplexedConnection, FeedError> {
    let client = client(url).map_err(FeedError::Url)?;
    // Commands that wait have their deadline here, not in the connection.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(DEADLINE))
        .set_response_timeout(None);
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    let connected = timeout(DEADLINE, connecting).await;
    let connected = connected.map_err(|_| FeedError::Deadline)?;
    connected.map_err(FeedError::Redis)
}

/// Longer than [`BLOCK_MS`].
const DEADLINE: Duration = Duration::from_secs(3);
/// How often the marker is looked at, at least.
const BLOCK_MS: u64 = 1000;
/// How many entries come at once.
const MANY: u32 = 1000;
/// Between a failure and the next attempt.
const PAUSE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_decoded_is_named() {
        let entry = |sequence, revocation: Vec<u8>| Entry {
            sequence,
            epoch: 1,
            after: sequence - 1,
            revocation,
        };
        let whole = Revocation {
            sequence: 1,
            ..Revocation::default()
        };
        let (whole, expired) = (entry(1, whole.encode_to_vec()), entry(2, Vec::new()));
        assert_eq!(decoded(&[whole, expired]).unwrap().len(), 1);
        let broken = [entry(1, Vec::new()), entry(2, vec![0xff])];
        assert_eq!(decoded(&broken), Err(2));
    }
}
