//! Who may call what.

use prost::Message;
use prost_reflect::DescriptorPool;
use proto::admin::v1;
use token::AdminToken;
use tonic::Code;

use crate::{
    operator::{Operator, code},
    support::{Stack, told},
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

/// ISSUE: what this version does not know is refused, and nothing of the rest is done.
#[tokio::test]
async fn a_request_with_a_field_of_a_newer_version_does_nothing() {
    let stack = Stack::start().await;
    let admin = Operator::of(&stack).await;
    let create = v1::CreateTenantRequest {
        tenant_id: "acme".to_owned(),
        tenant: Some(v1::Tenant {
            host: "acme.test".to_owned(),
            ..v1::Tenant::default()
        }),
    };
    let send = async |message: Vec<u8>| {
        let mut client = tonic::client::Grpc::new(admin.channel.clone());
        client.ready().await.unwrap();
        let path = "/aldgate.admin.v1.TenantService/CreateTenant"
            .parse()
            .unwrap();
        let codec = tonic_prost::ProstCodec::<Newer, v1::CreateTenantResponse>::default();
        client.unary(admin.call(Newer(message)), path, codec).await
    };
    let known = create.encode_to_vec();
    // Field 90 of `Tenant`, a varint: an unknown field inside `tenant`, which is merged with the first.
    let newer = [known.as_slice(), &[0x12, 3, 0xd0, 0x05, 1]].concat();
    let refused = send(newer).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(told(&refused).1, ["tenant.90"]);
    let created = send(known).await.unwrap().into_inner();
    assert_eq!(created.revision, 1, "nothing was done before");
}

/// A message as its bytes.
#[derive(Debug, Default)]
struct Newer(Vec<u8>);

impl Message for Newer {
    fn encode_raw(&self, buffer: &mut impl bytes::BufMut) {
        buffer.put_slice(&self.0);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: prost::encoding::WireType,
        buffer: &mut impl bytes::Buf,
        context: prost::encoding::DecodeContext,
    ) -> Result<(), prost::DecodeError> {
        prost::encoding::skip_field(wire_type, tag, buffer, context)
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}
