//! Who gets in to a tenant's servers and what they may do there: one service, whose methods live
//! with the nouns they are about.

use proto::admin::v1::{self, access_service_server::AccessService};
use tonic::{Request, Response, Status};

use super::{Admin, authenticator, called, policy};

#[tonic::async_trait]
impl AccessService for Admin {
    async fn get_authenticators(
        &self,
        request: Request<v1::GetAuthenticatorsRequest>,
    ) -> Result<Response<v1::GetAuthenticatorsResponse>, Status> {
        let (actor, request) = called(request)?;
        let response = authenticator::get(self, &actor, &request).await?;
        Ok(Response::new(response))
    }

    async fn set_authenticators(
        &self,
        request: Request<v1::SetAuthenticatorsRequest>,
    ) -> Result<Response<v1::SetAuthenticatorsResponse>, Status> {
        let (actor, request) = called(request)?;
        let response = authenticator::set(self, &actor, request).await?;
        Ok(Response::new(response))
    }

    async fn get_policy(
        &self,
        request: Request<v1::GetPolicyRequest>,
    ) -> Result<Response<v1::GetPolicyResponse>, Status> {
        let (actor, request) = called(request)?;
        let response = policy::get(self, &actor, &request).await?;
        Ok(Response::new(response))
    }

    async fn set_policy(
        &self,
        request: Request<v1::SetPolicyRequest>,
    ) -> Result<Response<v1::SetPolicyResponse>, Status> {
        let (actor, request) = called(request)?;
        let response = policy::set(self, &actor, request).await?;
        Ok(Response::new(response))
    }

    async fn explain(
        &self,
        request: Request<v1::ExplainRequest>,
    ) -> Result<Response<v1::ExplainResponse>, Status> {
        let (actor, request) = called(request)?;
        let response = policy::explain::explain(self, &actor, request).await?;
        Ok(Response::new(response))
    }

    async fn classify_tools(
        &self,
        request: Request<v1::ClassifyToolsRequest>,
    ) -> Result<Response<v1::ClassifyToolsResponse>, Status> {
        let (actor, request) = called(request)?;
        let response = policy::classify::classify(self, &actor, &request).await?;
        Ok(Response::new(response))
    }
}
