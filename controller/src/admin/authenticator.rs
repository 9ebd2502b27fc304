//! How a tenant's callers prove who they are, where a server does not say.

use proto::admin::v1;

use super::{Actor, Admin};
use crate::error::Error;

pub(super) async fn get(
    _admin: &Admin,
    _actor: &Actor,
    _request: &v1::GetAuthenticatorsRequest,
) -> Result<v1::GetAuthenticatorsResponse, Error> {
    Err(Error::NoMethod)
}

pub(super) async fn set(
    _admin: &Admin,
    _actor: &Actor,
    _request: v1::SetAuthenticatorsRequest,
) -> Result<v1::SetAuthenticatorsResponse, Error> {
    Err(Error::NoMethod)
}
