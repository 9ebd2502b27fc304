//! Four tools that show what passes through a gateway: a constant, text, structured arguments, and
//! progress while the call still runs.

use std::time::Duration;

use rmcp::{
    ErrorData, Peer, RoleServer, ServerHandler,
    handler::server::{router::tool::ToolRouter, wrapper::Parameters},
    model::{
        Implementation, ProgressNotificationParam, RequestMetaObject, ServerCapabilities,
        ServerConfig,
    },
    tool, tool_handler, tool_router,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The server's behaviour; every session has one.
#[derive(Debug, Clone)]
pub struct Tools {
    #[expect(dead_code, reason = "the tool_handler macro reads it")]
    tool_router: ToolRouter<Self>,
}

/// Arguments of `echo`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Echo {
    /// What to say again.
    text: String,
}

/// Arguments of `add`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Add {
    /// The first number.
    a: f64,
    /// The second number.
    b: f64,
}

/// Arguments of `count`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Count {
    /// How far to count, at most 100.
    to: u32,
}

#[tool_router]
impl Tools {
    /// A server.
    pub fn new() -> Self {
        Self {
            tool_router: Self::tool_router(),
        }
    }

    #[tool(description = "Says hello: the quickest proof that you are connected")]
    fn hello() -> String {
        "Hello from behind the gate.".to_owned()
    }

    #[tool(description = "Returns the text it was given")]
    fn echo(Parameters(Echo { text }): Parameters<Echo>) -> String {
        text
    }

    #[tool(description = "Adds two numbers")]
    fn add(Parameters(Add { a, b }): Parameters<Add>) -> String {
        (a + b).to_string()
    }

    #[tool(description = "Counts slowly, with a progress event for each number")]
    async fn count(
        &self,
        Parameters(Count { to }): Parameters<Count>,
        meta: RequestMetaObject,
        client: Peer<RoleServer>,
    ) -> Result<String, ErrorData> {
        if to > 100 {
            return Err(ErrorData::invalid_params("`to` is at most 100", None));
        }
        let token = meta.get_progress_token();
        for number in 1..=to {
            if let Some(token) = &token {
                let event = ProgressNotificationParam::new(token.clone(), f64::from(number))
                    .with_total(f64::from(to))
                    .with_message(format!("{number} of {to}"));
                // A client that has gone away is noticed when the answer is written.
                let _ = client.notify_progress(event).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(format!("counted to {to}"))
    }
}

#[tool_handler]
impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build()).with_server_info(
            Implementation::new("aldgate-demo", env!("CARGO_PKG_VERSION")),
        )
    }
}

impl Default for Tools {
    fn default() -> Self {
        Self::new()
    }
}

/// Long enough that events arrive apart, so that buffering on the way would show.
const PAUSE: Duration = Duration::from_millis(30);
