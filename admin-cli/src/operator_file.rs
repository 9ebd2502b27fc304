//! Files that operators write: policies, authenticators, servers, headers, identity
//! providers, settings. YAML or JSON, read strictly
//! into the message that the API takes. What the file means beyond its grammar is for the API to say.

mod expand;
mod shape;

use std::{env, path::Path};

use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use proto::{
    access::v1::{Authenticators, OauthSettings, Policy},
    admin::v1::{CreateServerRequest, IdentityProvider, StaticToken},
};
use serde::de::{DeserializeSeed as _, IgnoredAny};

use self::{expand::Variables, shape::Shape};
use crate::{
    failure::Failure,
    input,
    output::{POOL, Printer},
};

/// A message that an operator may write.
pub(crate) trait Written: Message + Default {
    /// Its full name in the API.
    const MESSAGE: &'static str;
}

impl Written for Policy {
    const MESSAGE: &'static str = "aldgate.access.v1.Policy";
}

impl Written for Authenticators {
    const MESSAGE: &'static str = "aldgate.access.v1.Authenticators";
}

impl Written for CreateServerRequest {
    const MESSAGE: &'static str = "aldgate.admin.v1.CreateServerRequest";
}

impl Written for StaticToken {
    const MESSAGE: &'static str = "aldgate.admin.v1.StaticToken";
}

impl Written for IdentityProvider {
    const MESSAGE: &'static str = "aldgate.admin.v1.IdentityProvider";
}

impl Written for OauthSettings {
    const MESSAGE: &'static str = "aldgate.access.v1.OauthSettings";
}

/// Reads the file that the flag names. Variables that it uses and nobody set are warned of, once each.
pub(crate) fn read<M: Written>(
    flag: &'static str,
    path: &Path,
    printer: &Printer,
) -> Result<M, Failure> {
    let text = input::text(flag, path)?;
    let variables = Variables::new(|name| env::var(name).ok());
    let message = parse(&text, &variables)
        .map_err(|problem| Failure::Usage(format!("{flag}: {}: {problem}", input::shown(path))))?;
    for name in variables.unset() {
        printer.note(&format!(
            "warning: {flag}: ${{{name}}} is not set; it stands for nothing"
        ));
    }
    Ok(message)
}

/// Reads a text. The error names the key, and the line where the grammar knows it.
fn parse<M: Written>(text: &str, variables: &Variables<'_>) -> Result<M, String> {
    let descriptor = POOL
        .get_message_by_name(M::MESSAGE)
        .expect("files hold messages of ours");
    let shape = Shape::of(descriptor.clone(), variables);
    let value = if is_json(text) {
        let mut json = serde_json::Deserializer::from_str(text);
        shape
            .deserialize(&mut json)
            .map_err(|error| error.to_string())?
    } else {
        let yaml = serde_norway::Deserializer::from_str(text);
        shape.deserialize(yaml).map_err(|error| error.to_string())?
    };
    of_json(descriptor, value).map_err(|error| error.to_string())
}

fn of_json<M: Written>(
    descriptor: MessageDescriptor,
    value: serde_json::Value,
) -> Result<M, serde_json::Error> {
    let message = DynamicMessage::deserialize(descriptor, value)?;
    Ok(message
        .transcode_to()
        .expect("both forms are of one descriptor"))
}

/// YAML holds most of JSON, but not its tabs.
fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests;
