//! One connection to Redis, on which the lease script runs. Many questions go in one round trip. What
//! went wrong is told apart only as far as it matters: Redis answered or it did not.

use std::{sync::LazyLock, time::Duration};

use redis::{
    Client, ErrorKind, Pipeline, RedisError, RedisResult, Script, Value,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use secrecy::SecretString;
use tokio::time::timeout;

use super::bucket::{Answer, Ask};
use crate::redis::client;

/// The way to one Redis.
pub(super) struct Link {
    client: Client,
    manager: Option<ConnectionManager>,
    deadline: Duration,
    /// This process, in the names of its leases.
    holder: String,
    failures: u32,
}

/// Redis gave no answer that could be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// The URL.
    #[error("the URL of Redis cannot be read")]
    Url(#[source] RedisError),
    /// Nobody was asked.
    #[error("Redis is away")]
    Away,
    /// Too late.
    #[error("no answer from Redis in time")]
    Deadline,
    /// No connection, or an error for an answer: out of memory, read-only, loading …
    #[error("Redis refuses")]
    Redis(#[source] RedisError),
    /// Not what the script returns.
    #[error("Redis gave an answer of another form")]
    Form,
}

/// A question about one key.
pub(super) struct Question {
    /// The key's name.
    pub(super) name: String,
    /// What is wanted.
    pub(super) ask: Ask,
}

impl Link {
    pub(super) fn new(url: &SecretString, deadline: Duration) -> Result<Self, LinkError> {
        Ok(Self {
            client: client(url).map_err(LinkError::Url)?,
            manager: None,
            deadline,
            holder: format!("{:016x}", rand::random::<u64>()),
            failures: 0,
        })
    }

    /// Asks all at once. A question that Redis did not answer may still have had its effect.
    pub(super) async fn ask(
        &mut self,
        questions: &[Question],
        life_ms: u64,
    ) -> Result<Vec<Answer>, LinkError> {
        let outcome = timeout(self.deadline, self.run(questions, life_ms)).await;
        let outcome = outcome.unwrap_or(Err(LinkError::Deadline));
        if outcome.is_ok() {
            self.failures = 0;
        } else {
            self.failures += 1;
            // A connection whose other end has vanished looks like one that is slow.
            if self.failures.is_multiple_of(RENEW_AFTER) {
                self.manager = None;
            }
        }
        outcome
    }

    async fn run(
        &mut self,
        questions: &[Question],
        life_ms: u64,
    ) -> Result<Vec<Answer>, LinkError> {
        let mut manager = self.manager()?;
        let all: Vec<&Question> = questions.iter().collect();
        let mut answers = self.send(&mut manager, &all, life_ms).await?;
        // A Redis that restarted does not know the script; it has not run where it was not known.
        let unknown: Vec<usize> = (0..answers.len())
            .filter(|index| is_unknown_script(&answers[*index]))
            .collect();
        if !unknown.is_empty() {
            let load = SCRIPT.prepare_invoke();
            load.load_async(&mut manager)
                .await
                .map_err(LinkError::Redis)?;
            let again: Vec<&Question> = unknown.iter().map(|index| &questions[*index]).collect();
            let later = self.send(&mut manager, &again, life_ms).await?;
            for (index, value) in unknown.into_iter().zip(later) {
                answers[index] = value;
            }
        }
        answers.into_iter().map(answer).collect()
    }

    async fn send(
        &self,
        manager: &mut ConnectionManager,
        questions: &[&Question],
        life_ms: u64,
    ) -> Result<Vec<Value>, LinkError> {
        let mut pipeline = Pipeline::with_capacity(questions.len());
        for question in questions {
            let (ask, limit) = (&question.ask, &question.ask.limit);
            pipeline
                .cmd("EVALSHA")
                .arg(SCRIPT.get_hash())
                .arg(2)
                .arg(&question.name)
                .arg(BOOT)
                .arg(&[limit.tokens, limit.per_ms, limit.burst])
                .arg(&self.holder)
                .arg(ask.opens)
                .arg(ask.need)
                .arg(life_ms);
            for (number, unused) in &ask.closes {
                pipeline.arg(*number).arg(*unused);
            }
        }
        let sent = manager.send_packed_commands(&pipeline, 0, questions.len());
        sent.await.map_err(LinkError::Redis)
    }

    fn manager(&mut self) -> Result<ConnectionManager, LinkError> {
        if self.manager.is_none() {
            // Whoever asks retries; a manager that does would keep a question for longer than it is
            // worth.
            let config = ConnectionManagerConfig::new()
                .set_number_of_retries(0)
                .set_connection_timeout(Some(self.deadline))
                .set_response_timeout(Some(self.deadline));
            let manager = ConnectionManager::new_lazy_with_config(self.client.clone(), config);
            self.manager = Some(manager.map_err(LinkError::Redis)?);
        }
        Ok(self.manager.clone().expect("made above"))
    }
}

fn is_unknown_script(value: &Value) -> bool {
    matches!(value, Value::ServerError(error) if error.code() == "NOSCRIPT")
}

fn answer(value: Value) -> Result<Answer, LinkError> {
    let reply: RedisResult<(u32, u64)> = value
        .extract_error()
        .and_then(|value| redis::from_redis_value(value).map_err(RedisError::from));
    let (granted, wait_ms) = reply.map_err(|error| match error.kind() {
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => LinkError::Form,
        _ => LinkError::Redis(error),
    })?;
    Ok(Answer { granted, wait_ms })
}

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(LUA));

/// The script. What it computes is in [`super::bucket`] too.
pub(super) const LUA: &str = include_str!("lease.lua");

/// Since when Redis remembers everything.
const BOOT: &str = "aldgate:limit:boot";
/// After so many failures in a row the connection is made anew.
const RENEW_AFTER: u32 = 5;
