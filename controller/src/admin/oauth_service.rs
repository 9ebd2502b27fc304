//! A tenant's authorization server: one service, whose methods live with the nouns they are about.

use proto::admin::v1::{self, oauth_service_server::OauthService};
use tonic::{Request, Response, Status};

use super::{Admin, called, oauth_settings};

#[tonic::async_trait]
impl OauthService for Admin {
    async fn get_oauth_settings(
        &self,
        request: Request<v1::GetOauthSettingsRequest>,
    ) -> Result<Response<v1::GetOauthSettingsResponse>, Status> {
        let (actor, request) = called(request)?;
        let response = oauth_settings::get(self, &actor, &request).await?;
        Ok(Response::new(response))
    }

    async fn set_oauth_settings(
        &self,
        request: Request<v1::SetOauthSettingsRequest>,
    ) -> Result<Response<v1::SetOauthSettingsResponse>, Status> {
        let (actor, request) = called(request)?;
        let response = oauth_settings::set(self, &actor, request).await?;
        Ok(Response::new(response))
    }

    async fn get_grant(
        &self,
        _request: Request<v1::GetGrantRequest>,
    ) -> Result<Response<v1::GetGrantResponse>, Status> {
        Err(Status::unimplemented("not yet"))
    }

    async fn list_grants(
        &self,
        _request: Request<v1::ListGrantsRequest>,
    ) -> Result<Response<v1::ListGrantsResponse>, Status> {
        Err(Status::unimplemented("not yet"))
    }

    async fn list_signing_keys(
        &self,
        _request: Request<v1::ListSigningKeysRequest>,
    ) -> Result<Response<v1::ListSigningKeysResponse>, Status> {
        Err(Status::unimplemented("not yet"))
    }

    async fn rotate_signing_key(
        &self,
        _request: Request<v1::RotateSigningKeyRequest>,
    ) -> Result<Response<v1::RotateSigningKeyResponse>, Status> {
        Err(Status::unimplemented("not yet"))
    }
}
