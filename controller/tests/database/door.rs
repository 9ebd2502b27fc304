//! Who may call what.

use prost_reflect::DescriptorPool;
use proto::admin::v1;
use token::AdminToken;
use tonic::Code;

use crate::{
    operator::{Operator, code},
    support::Stack,
};

/// AD-01, AD-02, AD-13, TI-15: every method of the descriptors, so that none can be forgotten.
#[tokio::test]
async fn every_method_asks_for_the_right_credentials() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    admin.tenant("acme", "acme.test:8080").await.unwrap();
    let tenant_token = admin.token("tenants/acme", v1::TokenRole::Admin).await;
    let viewer = admin.token("", v1::TokenRole::Viewer).await;
    let node = stack.node_channel().await;
    let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
    for service in pool.services() {
        for method in service.methods() {
            let path = format!("/{}/{}", service.full_name(), method.name());
            assert_eq!(
                code(&admin.channel, &path, None).await,
                Code::Unauthenticated,
                "{path}"
            );
            let unknown = AdminToken::generate();
            let as_unknown = code(&admin.channel, &path, Some(&unknown)).await;
            assert_eq!(as_unknown, Code::Unauthenticated, "{path}");
            if service.package_name() != "aldgate.admin.v1" {
                let as_admin = code(&admin.channel, &path, Some(&stack.token)).await;
                assert_eq!(as_admin, Code::Unauthenticated, "{path}");
                continue;
            }
            assert_eq!(
                code(&node, &path, Some(&stack.token)).await,
                Code::PermissionDenied
            );
            let reads = ["Get", "List", "Wait", "Explain", "Classify"]
                .iter()
                .any(|verb| method.name().starts_with(verb));
            let as_viewer = code(&admin.channel, &path, Some(&viewer)).await;
            assert_eq!(as_viewer != Code::PermissionDenied, reads, "{path}");
            let as_admin = code(&admin.channel, &path, Some(&stack.token)).await;
            let answered = [Code::Ok, Code::InvalidArgument, Code::NotFound].contains(&as_admin);
            assert!(answered, "{path}: {as_admin:?}");
            let platform = [
                "TokenService",
                "NodeService",
                "RevisionService",
                "TenantService",
                "LimitService",
            ]
            .contains(&service.name());
            let tenants_own =
                ["GetTenant", "GetTenantLimits", "WaitForRevision"].contains(&method.name());
            let as_tenant = code(&admin.channel, &path, Some(&tenant_token)).await;
            assert_eq!(
                as_tenant == Code::PermissionDenied,
                platform && !tenants_own,
                "{path}"
            );
        }
    }
}

/// AD-19, and the doors that are no admin API.
#[tokio::test]
async fn health_is_open_and_each_other_door_wants_its_own_credential() {
    let stack = Stack::start().await;
    let (operator, node) = (stack.channel().await, stack.node_channel().await);
    let health = "/grpc.health.v1.Health/Check";
    let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let leases = "/aldgate.node.v1.LeaseService/WatchLeases";
    assert_eq!(code(&operator, health, None).await, Code::Ok);
    assert_eq!(
        code(&operator, reflection, None).await,
        Code::Unauthenticated
    );
    assert_ne!(
        code(&operator, reflection, Some(&stack.token)).await,
        Code::Unauthenticated
    );
    assert_eq!(
        code(&node, reflection, Some(&stack.token)).await,
        Code::PermissionDenied
    );
    assert_eq!(
        code(&operator, leases, Some(&stack.token)).await,
        Code::Unauthenticated
    );
    // The node comes in; the service itself refuses a request that names no node.
    assert_eq!(code(&node, leases, None).await, Code::PermissionDenied);
    let nothing = "/aldgate.admin.v1.TenantService/Nothing";
    assert_eq!(
        code(&operator, nothing, Some(&stack.token)).await,
        Code::Unimplemented
    );
}
