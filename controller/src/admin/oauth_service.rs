//! A tenant's authorization server: one service, whose methods live with the nouns they are about.

use proto::admin::v1::{self, oauth_service_server::OauthService};
use tonic::{Request, Response, Status};

use super::{Admin, called, grant, oauth_settings, signing_key};

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
        request: Request<v1::GetGrantRequest>,
    ) -> Result<Response<v1::GetGrantResponse>, Status> {
        let (actor, request) = called(request)?;
        let response = grant::get(self, &actor, &request).await?;
        Ok(Response::new(response))
    }

    async fn list_grants(
        &self,
        request: Request<v1::ListGrantsRequest>,
    ) -> Result<Response<v1::ListGrantsResponse>, Status> {
        let (actor, request) = called(request)?;
        let response = grant::list(self, &actor, &request).await?;
        Ok(Response::new(response))
    }

    async fn list_signing_keys(
        &self,
        request: Request<v1::ListSigningKeysRequest>,
    ) -> Result<Response<v1::ListSigningKeysResponse>, Status> {
        let (actor, request) = called(request)?;
        let response = signing_key::list(self, &actor, &request).await?;
        Ok(Response::new(response))
    }

    async fn rotate_signing_key(
        &self,
        request: Request<v1::RotateSigningKeyRequest>,
    ) -> Result<Response<v1::RotateSigningKeyResponse>, Status> {
        let (actor, request) = called(request)?;
        let response = signing_key::rotate(self, &actor, &request).await?;
        Ok(Response::new(response))
    }
}
