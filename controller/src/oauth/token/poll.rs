//! The first tokens of a device's grant, once its user has approved (RFC 8628 §3.4, §3.5).

use time::Duration;
use token::DeviceCode;

use super::{
    super::{call::Call, client::DEVICE_CODE, grant, resource},
    Code, Fault, Issued,
    exchange::{self, beyond, resources},
    invalid_grant,
};
use crate::store::{
    OneTenant, StoreError, Tx,
    device::{Device, State},
};

pub(super) async fn issue(call: &Call, mut tx: Tx<OneTenant>) -> Result<Issued, Fault> {
    call.must_be_allowed(DEVICE_CODE)?;
    let text = call.required("device_code")?;
    let wanted = resources(call)?;
    let sha256 = DeviceCode::lookup(text).map_err(|_| invalid_grant())?;

    tx.turn_to("oauth.exchange");
    let granted = match tx.grant_of_device(&sha256).await? {
        Some(grant) => grant::hold(&mut tx, grant).await?,
        None => None,
    };
    let device = tx.lock_device(&sha256).await?;
    let device = device.filter(|device| Some(device.client) == call.client.uid);
    let device = device.ok_or_else(invalid_grant)?;
    match device.state {
        State::Consumed => return Err(invalid_grant()),
        State::Denied => {
            let text = "The user has refused";
            return Err(Fault::new(Code::AccessDenied, text));
        }
        _ if device.expires_at <= tx.time() => {
            let text = "The code has expired; start again";
            return Err(Fault::new(Code::ExpiredToken, text));
        }
        State::Approved(_) if granted.is_some() => {}
        // Approved in this very moment: the next poll finds the grant.
        State::Pending | State::Approved(_) => return Err(wait(tx, &sha256, &device).await?),
    }
    let granted = granted.filter(|grant| grant.is_live(tx.time()));
    let granted = granted.ok_or_else(invalid_grant)?;
    let resources = resource::narrow(wanted, &granted.resources).map_err(|_| beyond())?;
    tx.set_device_state(&sha256, State::Consumed).await?;
    exchange::first(tx, call, granted, resources).await
}

/// Why there is nothing yet. Who polls too fast must wait longer from now on.
async fn wait(
    mut tx: Tx<OneTenant>,
    sha256: &[u8; 32],
    device: &Device,
) -> Result<Fault, StoreError> {
    let too_fast = is_too_fast(device, tx.time());
    let slower = device.interval_secs.saturating_add(SLOWER).min(SLOWEST);
    let interval = if too_fast {
        slower
    } else {
        device.interval_secs
    };
    tx.poll_device(sha256, interval).await?;
    tx.commit_unrecorded().await?;
    Ok(if too_fast {
        Fault::new(Code::SlowDown, format!("Poll every {interval} seconds"))
    } else {
        Fault::new(Code::AuthorizationPending, "The user has not answered yet")
    })
}

/// A little less than the interval is no offence: networks are not even.
fn is_too_fast(device: &Device, now: time::OffsetDateTime) -> bool {
    let interval = Duration::seconds(i64::from(device.interval_secs)) - LENIENCE;
    device.polled_at.is_some_and(|last| now - last < interval)
}

const SLOWER: u32 = 5;
const SLOWEST: u32 = 60;
const LENIENCE: Duration = Duration::milliseconds(500);
