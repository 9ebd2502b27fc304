//! Who may call what of the admin API. The methods come from the descriptors, so that a new method
//! without a permission, a scope or a row in `requests` fails here.

mod requests;

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, Value};
use proto::admin::v1::TokenRole;
use tests::cluster::Cluster;
use tonic::{Code, transport::Channel};

use self::requests::REQUESTS;
use crate::raw_grpc;

#[tokio::test(flavor = "multi_thread")]
async fn every_method_wants_its_permission_and_its_scope() -> Result<()> {
    let world = World::start().await?;
    for method in methods()? {
        let scope = scope_of(&method)?;
        let name = short_name(&method);
        let request = world.request(&method)?;

        let nobody = world.call(&method, &request, None).await;
        ensure!(
            nobody == Code::Unauthenticated,
            "{name} without a token: {nobody:?}"
        );
        let forged = world.call(&method, &request, Some(&world.forged)).await;
        ensure!(
            forged == Code::Unauthenticated,
            "{name} with a made-up token: {forged:?}"
        );

        let foreign = world.call(&method, &request, Some(&world.beta)).await;
        let refused = if scope == PLATFORM {
            Code::PermissionDenied
        } else if name == "HintService.GetCredentialHint" {
            // It is about no tenant's data.
            Code::Ok
        } else {
            Code::NotFound
        };
        ensure!(
            foreign == refused,
            "{name} with another tenant's token: {foreign:?}"
        );

        let viewer = world.call(&method, &request, Some(&world.viewer)).await;
        if is_reading(&method)? {
            ensure!(
                viewer != Code::PermissionDenied,
                "{name} by a viewer: {viewer:?}"
            );
        } else {
            ensure!(
                viewer == Code::PermissionDenied,
                "{name} by a viewer: {viewer:?}"
            );
        }

        let right = if scope == PLATFORM {
            &world.platform
        } else {
            &world.acme
        };
        let allowed = world.call(&method, &request, Some(right)).await;
        // What only nodes and users make is not there to be found.
        let unmade = ["NodeService.DeleteNode", "OauthService.GetGrant"];
        let fine =
            allowed == Code::Ok || (unmade.contains(&name.as_str()) && allowed == Code::NotFound);
        ensure!(fine, "{name} with the right token: {allowed:?}");
    }
    Ok(())
}

#[test]
fn the_table_of_requests_covers_every_method() -> Result<()> {
    let tested: BTreeSet<String> = REQUESTS
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    for method in methods()? {
        let name = short_name(&method);
        assert!(tested.contains(&name), "no request for {name}");
    }
    Ok(())
}

/// AD-01, AD-02: the admin API is closed to nodes, the node services to everyone else.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_certificate_opens_the_node_services_and_nothing_else() -> Result<()> {
    let cluster = Cluster::builder().gateways(1).start().await?;
    let files = cluster.pki.node("local", "visitor")?;
    let endpoint = cluster.controller.endpoint();
    let node = tests::admin::connect(&endpoint, &cluster.pki.ca(), Some(&files)).await?;
    let plain = cluster.channel().await?;
    let token = Some(cluster.bootstrap_token());

    let list = raw_grpc::unary(
        &plain,
        "/aldgate.admin.v1.TenantService/ListTenants",
        vec![],
        token,
    )
    .await;
    assert_eq!(list, Code::Ok);
    let list = raw_grpc::unary(
        &node,
        "/aldgate.admin.v1.TenantService/ListTenants",
        vec![],
        token,
    )
    .await;
    assert_eq!(list, Code::PermissionDenied);

    let leases = "/aldgate.node.v1.LeaseService/WatchLeases";
    let hello = prost::Message::encode_to_vec(&proto::node::v1::WatchLeasesRequest {
        node_id: "visitor".into(),
    });
    assert_eq!(
        raw_grpc::unary(&node, leases, hello.clone(), None).await,
        Code::Ok
    );
    assert_eq!(
        raw_grpc::unary(&plain, leases, hello.clone(), token).await,
        Code::Unauthenticated
    );
    let lie = prost::Message::encode_to_vec(&proto::node::v1::WatchLeasesRequest {
        node_id: "gateway-1".into(),
    });
    assert_eq!(
        raw_grpc::unary(&node, leases, lie, None).await,
        Code::PermissionDenied
    );
    Ok(())
}

/// The id by which the controller's log and the audit record name the call.
#[tokio::test(flavor = "multi_thread")]
async fn every_answer_names_its_request() -> Result<()> {
    let cluster = Cluster::builder().gateways(0).start().await?;
    let mut admin = cluster.admin().await?;
    let answer = admin
        .tenants
        .list_tenants(proto::admin::v1::ListTenantsRequest::default())
        .await?;
    let id = answer
        .metadata()
        .get("request-id")
        .context("a request id")?
        .to_str()?
        .to_owned();
    ensure!(cluster.controller.log().contains(&id), "{id} is in the log");
    Ok(())
}

struct World {
    cluster: Cluster,
    channel: Channel,
    pool: DescriptorPool,
    platform: String,
    acme: String,
    beta: String,
    viewer: String,
    forged: String,
    spare_token: String,
}

impl World {
    async fn start() -> Result<Self> {
        let cluster = Cluster::builder().gateways(1).start().await?;
        for tenant in ["acme", "beta"] {
            let host = format!("{tenant}.test");
            cluster
                .aldgate(&["tenant", "create", tenant, "--host", &host])
                .await?;
        }
        let mut admin = cluster.admin().await?;
        let mut create = async |tenant: &str, role| -> Result<(String, String)> {
            let token = proto::admin::v1::Token {
                tenant: tenant.into(),
                role: i32::from(role),
                ..Default::default()
            };
            let request = proto::admin::v1::CreateTokenRequest { token: Some(token) };
            let reply = admin.tokens.create_token(request).await?.into_inner();
            Ok((reply.secret, reply.token.context("a token")?.name))
        };
        let (acme, _) = create("tenants/acme", TokenRole::Admin).await?;
        let (beta, _) = create("tenants/beta", TokenRole::Admin).await?;
        let (viewer, _) = create("", TokenRole::Viewer).await?;
        let (_, spare_token) = create("", TokenRole::Viewer).await?;
        Ok(Self {
            channel: cluster.channel().await?,
            platform: cluster.bootstrap_token().to_owned(),
            forged: token::AdminToken::generate().expose().to_owned(),
            pool: descriptors()?,
            cluster,
            acme,
            beta,
            viewer,
            spare_token,
        })
    }

    /// The encoded request of the table.
    fn request(&self, method: &MethodDescriptor) -> Result<Vec<u8>> {
        let name = short_name(method);
        let (_, json) = REQUESTS
            .iter()
            .find(|(known, _)| *known == name)
            .with_context(|| format!("a request for {name}"))?;
        let json = json.replace("TOKEN\"}", &format!("{}\"}}", self.spare_token));
        let input: MessageDescriptor = self
            .pool
            .get_message_by_name(method.input().full_name())
            .context("its input")?;
        let message =
            DynamicMessage::deserialize(input, &mut serde_json::Deserializer::from_str(&json))?;
        Ok(prost::Message::encode_to_vec(&message))
    }

    async fn call(&self, method: &MethodDescriptor, request: &[u8], token: Option<&str>) -> Code {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let _ = &self.cluster;
        raw_grpc::unary(&self.channel, &path, request.to_vec(), token).await
    }
}

const PLATFORM: i32 = proto::admin::v1::Scope::Platform as i32;

fn descriptors() -> Result<DescriptorPool> {
    Ok(DescriptorPool::decode(proto::DESCRIPTORS)?)
}

fn methods() -> Result<Vec<MethodDescriptor>> {
    let pool = descriptors()?;
    let mut methods: Vec<_> = pool
        .services()
        .filter(|service| service.package_name() == "aldgate.admin.v1")
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .collect();
    let place = |method: &MethodDescriptor| {
        REQUESTS
            .iter()
            .position(|(name, _)| *name == short_name(method))
    };
    methods.sort_by_key(place);
    Ok(methods)
}

fn short_name(method: &MethodDescriptor) -> String {
    format!("{}.{}", method.parent_service().name(), method.name())
}

fn access_of(method: &MethodDescriptor) -> Result<DynamicMessage> {
    let extension = method
        .parent_pool()
        .get_extension_by_name("aldgate.admin.v1.access")
        .context("the option is declared")?;
    let options = method.options();
    ensure!(
        options.has_extension(&extension),
        "{} has no access option",
        method.full_name()
    );
    let value = options.get_extension(&extension).into_owned();
    value
        .as_message()
        .cloned()
        .context("the option is a message")
}

fn scope_of(method: &MethodDescriptor) -> Result<i32> {
    let access = access_of(method)?;
    let scope = access
        .get_field_by_name("scope")
        .and_then(|value| value.as_enum_number());
    let permission = access
        .get_field_by_name("permission")
        .map(std::borrow::Cow::into_owned);
    ensure!(
        matches!(permission, Some(Value::String(permission)) if !permission.is_empty()),
        "{} has no permission",
        method.full_name()
    );
    scope
        .filter(|scope| *scope != 0)
        .with_context(|| format!("{} has no scope", method.full_name()))
}

fn is_reading(method: &MethodDescriptor) -> Result<bool> {
    let permission = access_of(method)?
        .get_field_by_name("permission")
        .map(std::borrow::Cow::into_owned);
    let Some(Value::String(permission)) = permission else {
        return Ok(false);
    };
    Ok([".get", ".list", ".wait"]
        .iter()
        .any(|suffix| permission.ends_with(suffix)))
}
