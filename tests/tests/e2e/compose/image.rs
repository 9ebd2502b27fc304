//! The Dockerfile, as far as the tests read it.

use std::collections::BTreeSet;

use anyhow::{Context, Result};

use super::file::root;

/// Its instructions, in their order.
pub(crate) struct Image(Vec<Instruction>);

/// One instruction with its continuation lines.
pub(crate) struct Instruction {
    pub(crate) keyword: String,
    pub(crate) words: Vec<String>,
}

impl Image {
    /// Reads the repository's.
    pub(crate) fn read() -> Result<Self> {
        let text = std::fs::read_to_string(root().join("Dockerfile"))?;
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let joined = lines.join("\n").replace("\\\n", " ");
        let instructions = joined.lines().filter(|line| !line.trim().is_empty());
        let parsed = instructions.map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            let keyword = words
                .next()
                .context("a line that is not empty has a word")?;
            Ok(Instruction {
                keyword,
                words: words.collect(),
            })
        });
        parsed.collect::<Result<_>>().map(Self)
    }

    /// All instructions with this keyword.
    pub(crate) fn all(&self, keyword: &str) -> Vec<&[String]> {
        let found = self.0.iter().filter(|it| it.keyword == keyword);
        found.map(|it| it.words.as_slice()).collect()
    }

    /// The keywords that occur.
    pub(crate) fn keywords(&self) -> BTreeSet<&str> {
        self.0.iter().map(|it| it.keyword.as_str()).collect()
    }

    /// The programs that it takes from the build.
    pub(crate) fn programs(&self) -> BTreeSet<&str> {
        let words = self.all("RUN").into_iter().flatten();
        words
            .filter_map(|word| word.strip_prefix("target/release/"))
            .collect()
    }
}
