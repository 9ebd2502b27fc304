//! Checks of request fields: all that is wrong with a request is told at once.

use std::{fmt::Display, str::FromStr};

use proto::name::InvalidName;

use crate::error::{Error, Violation};

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Checks(Vec<Violation>);

impl Checks {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Notes that a field is at fault.
    pub(super) fn refuse(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Violation::new(field, description));
    }

    /// The value, if it is one.
    pub(super) fn keep<T, E: Display>(
        &mut self,
        field: impl Into<String>,
        value: Result<T, E>,
    ) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(field, error.to_string());
                None
            }
        }
    }

    /// The value that the text names, if it does.
    pub(super) fn parse<T: FromStr>(&mut self, field: &str, text: &str) -> Option<T>
    where
        T::Err: Display,
    {
        self.keep(field, text.parse())
    }

    /// One line of text for people.
    pub(super) fn line(&mut self, field: &str, text: &str, most: usize) {
        if text.chars().any(char::is_control) {
            self.refuse(field, "must not contain control characters");
        }
        self.length(field, text, most);
    }

    /// Text for people that may have several lines.
    pub(super) fn text(&mut self, field: &str, text: &str, most: usize) {
        if text
            .chars()
            .any(|c| c.is_control() && !"\n\r\t".contains(c))
        {
            self.refuse(field, "must not contain control characters");
        }
        self.length(field, text, most);
    }

    /// Everything found wrong; an empty slice is the pattern for "nothing".
    pub(super) fn found(&self) -> &[Violation] {
        &self.0
    }

    /// The error that tells all of it.
    pub(super) fn into_error(self) -> Error {
        Error::Invalid(self.0)
    }

    fn length(&mut self, field: &str, text: &str, most: usize) {
        if text.chars().count() > most {
            self.refuse(field, format!("must have at most {most} characters"));
        }
    }
}

/// The resource that a request names.
pub(super) fn name<T: FromStr<Err = InvalidName>>(field: &str, text: &str) -> Result<T, Error> {
    text.parse()
        .map_err(|error: InvalidName| Error::invalid(field, error.to_string()))
}

/// A message that a request must have.
pub(super) fn required<T>(field: &str, value: Option<T>) -> Result<T, Error> {
    value.ok_or_else(|| Error::invalid(field, "is required"))
}

/// The longest `display_name`.
pub(super) const DISPLAY_NAME: usize = 200;
