//! `docker-compose.yml` as the tests read it. A key that is not listed here is an error, so that a
//! misspelt one is found without a container engine.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_norway::Value;

/// The file without its `x-…` parts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) services: BTreeMap<String, Service>,
    pub(crate) volumes: BTreeMap<String, Value>,
    pub(crate) networks: BTreeMap<String, Network>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Service {
    pub(crate) image: Option<String>,
    pub(crate) build: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) profiles: Vec<String>,
    pub(crate) entrypoint: Vec<String>,
    pub(crate) command: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) depends_on: BTreeMap<String, Dependency>,
    pub(crate) volumes: Vec<String>,
    pub(crate) ports: Vec<String>,
    pub(crate) healthcheck: Option<Healthcheck>,
    pub(crate) stop_grace_period: Option<String>,
    pub(crate) networks: Networks,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dependency {
    pub(crate) condition: Condition,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Condition {
    ServiceHealthy,
    ServiceCompletedSuccessfully,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Healthcheck {
    pub(crate) test: Vec<String>,
    pub(crate) interval: String,
    pub(crate) retries: u32,
}

/// The networks of a service, with or without an address.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Networks {
    Names(BTreeSet<String>),
    Addresses(BTreeMap<String, Address>),
}

impl Default for Networks {
    fn default() -> Self {
        Self::Names(BTreeSet::new())
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Address {
    pub(crate) ipv4_address: std::net::Ipv4Addr,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Network {
    pub(crate) ipam: Ipam,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ipam {
    pub(crate) config: Vec<Pool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pool {
    pub(crate) subnet: String,
    pub(crate) ip_range: String,
}

impl File {
    /// Reads the repository's.
    pub(crate) fn read() -> Result<Self> {
        let text = std::fs::read_to_string(root().join("docker-compose.yml"))?;
        let mut value: Value = serde_norway::from_str(&text)?;
        value.apply_merge()?;
        let map = value.as_mapping_mut().context("the file is a mapping")?;
        map.retain(|key, _| !key.as_str().is_some_and(|key| key.starts_with("x-")));
        serde_norway::from_value(value).context("docker-compose.yml")
    }

    /// The services made from our image, by name.
    pub(crate) fn ours(&self) -> impl Iterator<Item = (&str, &Service)> {
        let services = self.services.iter().map(|(name, it)| (name.as_str(), it));
        services.filter(|(_, service)| service.build.is_some())
    }

    /// Whether a service starts only after another has done what the conditions say.
    pub(crate) fn waits_for(&self, service: &str, other: &str) -> bool {
        let mut direct = self.services[service].depends_on.keys();
        direct.any(|it| it == other || self.waits_for(it, other))
    }
}

impl Service {
    /// The file that it runs.
    pub(crate) fn program(&self) -> Option<&str> {
        let mut words = self.entrypoint.iter().chain(&self.command);
        words.next().map(String::as_str)
    }

    /// The address that it always has.
    pub(crate) fn address(&self) -> Option<std::net::Ipv4Addr> {
        match &self.networks {
            Networks::Names(_) => None,
            Networks::Addresses(map) => map.values().map(|it| it.ipv4_address).next(),
        }
    }

    /// The names of its networks.
    pub(crate) fn networks(&self) -> Vec<&str> {
        match &self.networks {
            Networks::Names(names) => names.iter().map(String::as_str).collect(),
            Networks::Addresses(map) => map.keys().map(String::as_str).collect(),
        }
    }

    /// The files in the volume of secrets that it names, relative to the volume.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        let words = self.environment.values().chain(&self.command);
        words
            .filter_map(|word| word.strip_prefix(SECRETS)?.strip_prefix('/'))
            .collect()
    }
}

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("the package is a folder of the repository")
        .to_owned()
}

/// Where services find the volume of secrets.
pub(crate) const SECRETS: &str = "/run/aldgate";
