//! What the database tells with `NOTIFY`: that there is something new to read, never what. It can be
//! lost on the way, so whoever is woken by it polls as well.

use std::{convert::Infallible, error::Error, time::Duration};

use sqlx::{PgPool, postgres::PgListener};
use tokio::{sync::Notify, time::sleep};

use crate::epoch::Doubts;

/// How long a lost notification can go unnoticed.
pub(crate) const POLL: Duration = Duration::from_secs(1);

/// Wakes at every notification on this channel, and whenever some may have been lost. A connection that
/// is made anew may lead to another database, which is a doubt. Never ends by itself.
pub(crate) async fn listen(pool: &PgPool, channel: &'static str, wake: &Notify, doubts: &Doubts) {
    let mut broken = false;
    loop {
        let Err(error) = listen_once(pool, channel, wake, doubts, &mut broken).await;
        if !std::mem::replace(&mut broken, true) {
            let error = &error as &dyn Error;
            tracing::warn!(
                error,
                "notifications of {channel} are interrupted; polling goes on"
            );
        }
        sleep(POLL).await;
    }
}

async fn listen_once(
    pool: &PgPool,
    channel: &'static str,
    wake: &Notify,
    doubts: &Doubts,
    broken: &mut bool,
) -> Result<Infallible, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(channel).await?;
    if std::mem::take(broken) {
        doubts.reconnected();
    }
    loop {
        wake.notify_one();
        // `None` says that the connection was lost and is being made anew: read again then too.
        if listener.try_recv().await?.is_none() {
            doubts.reconnected();
        }
    }
}
