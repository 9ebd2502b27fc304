//! Process settings: read once at start from `ALDGATE_…` variables, each also as `NAME_FILE`.
//!
//! Config that changes while the process runs arrives on the stream, not here.

mod duration;
mod error;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::OsString,
    fmt::Display,
    fs,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use secrecy::SecretString;

pub use self::error::SettingsError;

const PREFIX: &str = "ALDGATE_";

/// The variables of this process. Every look-up is remembered, so that [`Source::finish`] can name
/// those nobody asked for.
pub struct Source {
    variables: BTreeMap<String, OsString>,
    asked: BTreeSet<String>,
}

impl Source {
    /// The `ALDGATE_…` variables of the environment.
    pub fn from_env() -> Self {
        let variables = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with(PREFIX));
        Self {
            variables: variables.collect(),
            asked: BTreeSet::new(),
        }
    }

    /// The same from pairs, for tests and for processes started inside another.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let variables = pairs.into_iter().map(|(name, value)| (name, value.into()));
        Self {
            variables: variables.collect(),
            asked: BTreeSet::new(),
        }
    }

    /// The value of `name`, or the content of the file that `NAME_FILE` names, without its last
    /// line end. An empty variable counts as not set.
    pub fn text(&mut self, name: &'static str) -> Result<Option<String>, SettingsError> {
        let direct = self.variable(name)?;
        if name.ends_with("_FILE") {
            return Ok(direct);
        }
        let file = self.variable(&format!("{name}_FILE"))?.map(PathBuf::from);
        match (direct, file) {
            (Some(_), Some(_)) => Err(SettingsError::Both { name }),
            (Some(text), None) => Ok(Some(text)),
            (None, None) => Ok(None),
            (None, Some(path)) => match fs::read_to_string(&path) {
                Ok(content) => Ok(Some(without_line_end(content))),
                Err(source) => Err(SettingsError::File { name, path, source }),
            },
        }
    }

    /// Like [`Source::text`], for a value that must not be printed.
    pub fn secret(&mut self, name: &'static str) -> Result<Option<SecretString>, SettingsError> {
        Ok(self.text(name)?.map(SecretString::from))
    }

    /// Like [`Source::secret`]; not set is an error.
    pub fn required_secret(&mut self, name: &'static str) -> Result<SecretString, SettingsError> {
        self.secret(name)?.ok_or(SettingsError::Missing { name })
    }

    /// The value of `name` as a `T`. The error shows what `T` says, not the value.
    pub fn parse<T>(&mut self, name: &'static str) -> Result<Option<T>, SettingsError>
    where
        T: FromStr,
        T::Err: Display,
    {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        match text.trim().parse() {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(invalid(name, &error)),
        }
    }

    /// Like [`Source::parse`]; not set is an error.
    pub fn required<T>(&mut self, name: &'static str) -> Result<T, SettingsError>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.parse(name)?.ok_or(SettingsError::Missing { name })
    }

    /// Like [`Source::parse`], with a value for when it is not set.
    pub fn parse_or<T>(&mut self, name: &'static str, default: T) -> Result<T, SettingsError>
    where
        T: FromStr,
        T::Err: Display,
    {
        Ok(self.parse(name)?.unwrap_or(default))
    }

    /// The comma-separated items of `name`. Spaces around items and empty items are dropped; not
    /// set is an empty list.
    pub fn list<T>(&mut self, name: &'static str) -> Result<Vec<T>, SettingsError>
    where
        T: FromStr,
        T::Err: Display,
    {
        let text = self.text(name)?.unwrap_or_default();
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        items
            .enumerate()
            .map(|(at, item)| {
                item.parse().map_err(|error: T::Err| {
                    invalid(name, &format_args!("item {}: {error}", at + 1))
                })
            })
            .collect()
    }

    /// A duration such as `250ms`, `3s`, `10m`, `24h` or `7d`; whole numbers only.
    pub fn duration_or(
        &mut self,
        name: &'static str,
        default: Duration,
    ) -> Result<Duration, SettingsError> {
        match self.text(name)? {
            None => Ok(default),
            Some(text) => duration::parse(text.trim()).map_err(|error| invalid(name, &error)),
        }
    }

    /// The `ALDGATE_…` variables that nothing asked for, sorted. The caller warns about them: a
    /// typing error in a name would otherwise leave the default in force silently.
    pub fn finish(self) -> Vec<String> {
        let Self { variables, asked } = self;
        variables
            .into_keys()
            .filter(|name| name.starts_with(PREFIX) && !asked.contains(name))
            .collect()
    }

    fn variable(&mut self, name: &str) -> Result<Option<String>, SettingsError> {
        self.asked.insert(name.to_owned());
        match self.variables.get(name) {
            None => Ok(None),
            Some(value) => match value.to_str() {
                None => Err(SettingsError::NotUnicode {
                    name: name.to_owned(),
                }),
                Some("") => Ok(None),
                Some(text) => Ok(Some(text.to_owned())),
            },
        }
    }
}

fn invalid(name: &'static str, reason: &dyn Display) -> SettingsError {
    SettingsError::Invalid {
        name,
        reason: reason.to_string(),
    }
}

fn without_line_end(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

#[cfg(test)]
mod tests;
