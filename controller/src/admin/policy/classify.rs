//! How the tools of a server are classed: by the tenant's overrides, else by their definitions.

use policy::{Classification, Policy, classify_definition, classify_name};
use proto::{admin::v1, name::ServerName};
use serde_json::Value;

use super::super::{Actor, Admin, field};
use crate::{
    error::Error,
    store::{OneTenant, StoreError, Tx},
};

pub(in crate::admin) async fn classify(
    admin: &Admin,
    actor: &Actor,
    request: &v1::ClassifyToolsRequest,
) -> Result<v1::ClassifyToolsResponse, Error> {
    let name: ServerName = field::name("server", &request.server)?;
    let given = match request.tool_list_json.as_str() {
        "" => None,
        text => Some(Tools::given(text)?),
    };
    let mut tx = actor.enter(&admin.0.store, &name.tenant, &name).await?;
    let server = tx.server(&name.server).await?;
    let server = server.ok_or_else(|| Error::NotFound(name.to_string()))?;
    let policy = stored(&mut tx).await?;
    let tools = given.unwrap_or_else(|| Tools::of(server.tool_list.as_deref()));
    let tools = tools.0.iter().map(|(tool, definition)| v1::ClassifiedTool {
        name: tool.clone(),
        classification: Some(view(&class(&policy, &server.slug, tool, Some(definition)))),
    });
    Ok(v1::ClassifyToolsResponse {
        tools: tools.collect(),
    })
}

/// The tenant's policy, as nodes compile it.
pub(super) async fn stored(tx: &mut Tx<OneTenant>) -> Result<Policy, Error> {
    let Some(stored) = tx.policy().await? else {
        return Ok(Policy::none());
    };
    Policy::compile(&stored.policy).map_err(|_| {
        Error::Store(StoreError::Inconsistent {
            table: "policies",
            column: "body",
            row: tx.tenant().uid.uuid(),
        })
    })
}

/// How a tool is classed, and what from: nodes are told the same class in the server's catalog.
pub(super) fn class(
    policy: &Policy,
    server: &str,
    tool: &str,
    definition: Option<&Value>,
) -> Classification {
    let by_itself = || definition.map_or_else(|| classify_name(tool), classify_definition);
    policy.overridden(server, tool).unwrap_or_else(by_itself)
}

/// As it is told.
pub(super) fn view(found: &Classification) -> v1::Classification {
    v1::Classification {
        class: found.class.to_string(),
        source: found.source.to_string(),
        confidence: found.confidence,
    }
}

/// Tools with their definitions, in their order.
pub(super) struct Tools(pub(super) Vec<(String, Value)>);

impl Tools {
    /// Those of a server; what is no tool with a name is left out, as it is on the way to nodes.
    pub(super) fn of(stored: Option<&str>) -> Self {
        let all: Vec<Value> = stored
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        Self(all.into_iter().filter_map(named).collect())
    }

    /// The definition of one of them.
    pub(super) fn get(&self, tool: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(name, _)| name == tool);
        found.map(|(_, definition)| definition)
    }

    /// Those of a request.
    fn given(text: &str) -> Result<Self, Error> {
        if text.len() > LONGEST {
            return Err(Error::invalid(FIELD, "must have at most 1 MiB"));
        }
        let all: Vec<Value> = serde_json::from_str(text)
            .map_err(|_| Error::invalid(FIELD, "must be a JSON array of tool objects"))?;
        let tools = all.into_iter().enumerate().map(|(place, tool)| {
            named(tool).ok_or_else(|| {
                let text = "must be an object with a `name`";
                Error::invalid(format!("{FIELD}[{place}]"), text)
            })
        });
        tools.collect::<Result<_, _>>().map(Self)
    }
}

fn named(tool: Value) -> Option<(String, Value)> {
    let name = tool.get("name")?.as_str()?.to_owned();
    Some((name, tool))
}

const FIELD: &str = "tool_list_json";
const LONGEST: usize = 1 << 20;
