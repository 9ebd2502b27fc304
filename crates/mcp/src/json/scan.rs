//! The single pass: grammar, limits, unique keys, canonical output, places of members.

use bytes::Bytes;

use super::{
    Document, JsonError, Limits, Member, Scope,
    keys::{Group, Keys},
    number, string,
};

/// Reads `input` from front to back with a stack of its own, so that depth costs no call stack.
pub(super) struct Scanner<'a> {
    input: &'a [u8],
    at: usize,
    limits: &'a Limits,
    tokens: usize,
    out: Vec<u8>,
    open: Vec<Container>,
    keys: Keys,
    members: Vec<Member>,
}

/// A container that is open.
enum Container {
    Array,
    Object {
        keys: Group,
        /// Set where its members are remembered: which object this is, and its latest member.
        remembered: Option<(Scope, usize)>,
    },
}

/// What stands where a value just ended.
enum Next {
    Value,
    Close,
    End,
}

impl<'a> Scanner<'a> {
    /// `input` is UTF-8.
    pub(super) fn new(input: &'a [u8], limits: &'a Limits) -> Self {
        Self {
            input,
            at: 0,
            limits,
            tokens: 0,
            // Canonical text is never longer than what it came from.
            out: Vec::with_capacity(input.len()),
            open: Vec::with_capacity(8),
            keys: Keys::with_capacity(16),
            members: Vec::with_capacity(16),
        }
    }

    pub(super) fn run(mut self) -> Result<Document, JsonError> {
        loop {
            if self.value()? {
                continue;
            }
            loop {
                match self.after_value()? {
                    Next::Value => break,
                    Next::Close => {}
                    Next::End => {
                        return Ok(Document {
                            bytes: Bytes::from(self.out),
                            members: self.members,
                        });
                    }
                }
            }
        }
    }

    /// Takes a value; true where it is a container whose first value comes next.
    fn value(&mut self) -> Result<bool, JsonError> {
        self.skip_blank();
        self.count_token()?;
        match self.input.get(self.at) {
            Some(b'"') => self.at = string::copy(self.input, self.at, &mut self.out)?,
            Some(b'-' | b'0'..=b'9') => {
                let end = number::end(self.input, self.at)?;
                self.out.extend_from_slice(&self.input[self.at..end]);
                self.at = end;
            }
            Some(b'{') => return self.open_object(),
            Some(b'[') => return self.open_array(),
            Some(b't') => self.literal(b"true")?,
            Some(b'f') => self.literal(b"false")?,
            Some(b'n') => self.literal(b"null")?,
            _ => return Err(self.expected("a value")),
        }
        Ok(false)
    }

    fn open_object(&mut self) -> Result<bool, JsonError> {
        let remembered = self.scope_of_next().map(|scope| (scope, 0));
        let keys = self.keys.open();
        self.push(Container::Object { keys, remembered })?;
        if self.take_if(b'}') {
            self.close();
            return Ok(false);
        }
        self.key()?;
        Ok(true)
    }

    fn open_array(&mut self) -> Result<bool, JsonError> {
        self.push(Container::Array)?;
        if self.take_if(b']') {
            self.close();
            return Ok(false);
        }
        Ok(true)
    }

    /// Takes what follows a value: a comma with the key behind it, the end of the container, or of the text.
    fn after_value(&mut self) -> Result<Next, JsonError> {
        let comma = match self.open.last() {
            None => {
                self.skip_blank();
                return match self.input.get(self.at) {
                    None => Ok(Next::End),
                    Some(_) => Err(self.expected("nothing more")),
                };
            }
            Some(Container::Array) => {
                if self.take_if(b']') {
                    self.close();
                    return Ok(Next::Close);
                }
                "a comma or a closing bracket"
            }
            Some(Container::Object { remembered, .. }) => {
                if let Some((_, latest)) = remembered {
                    self.members[*latest].value.end = self.out.len();
                }
                if self.take_if(b'}') {
                    self.close();
                    return Ok(Next::Close);
                }
                "a comma or a closing brace"
            }
        };
        if !self.take_if(b',') {
            return Err(self.expected(comma));
        }
        if matches!(self.open.last(), Some(Container::Object { .. })) {
            self.key()?;
        }
        Ok(Next::Value)
    }

    /// Takes a key and its colon.
    fn key(&mut self) -> Result<(), JsonError> {
        self.skip_blank();
        if self.input.get(self.at) != Some(&b'"') {
            return Err(self.expected("a key in double quotes"));
        }
        self.count_token()?;
        let start = self.out.len() + 1;
        self.at = string::copy(self.input, self.at, &mut self.out)?;
        let key = start..self.out.len() - 1;
        let limit = self.limits.key_bytes;
        if key.len() > limit && text(&self.out[key.clone()]).len() > limit {
            return Err(JsonError::Key { limit });
        }
        let Some(Container::Object { keys, remembered }) = self.open.last_mut() else {
            unreachable!("keys are only taken inside objects");
        };
        if !self.keys.add(keys, key.clone(), &self.out) {
            return Err(JsonError::Duplicate {
                key: clip(&text(&self.out[key])),
            });
        }
        if let Some((scope, latest)) = remembered {
            *latest = self.members.len();
            let value = key.end + 2;
            self.members.push(Member {
                scope: *scope,
                key,
                value: value..value,
            });
        }
        if !self.take_if(b':') {
            return Err(self.expected("a colon"));
        }
        Ok(())
    }

    /// Which remembered object the next container is, if any.
    fn scope_of_next(&self) -> Option<Scope> {
        let Some(container) = self.open.last() else {
            return Some(Scope::Envelope);
        };
        let Container::Object {
            remembered: Some((scope, latest)),
            ..
        } = container
        else {
            return None;
        };
        match (scope, &self.out[self.members[*latest].key.clone()]) {
            (Scope::Envelope, b"params") => Some(Scope::Params),
            (Scope::Params, b"_meta") => Some(Scope::Meta),
            _ => None,
        }
    }

    fn push(&mut self, container: Container) -> Result<(), JsonError> {
        if self.open.len() == self.limits.depth {
            return Err(JsonError::Depth {
                limit: self.limits.depth,
            });
        }
        self.open.push(container);
        self.out.push(self.input[self.at]);
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) {
        if let Some(Container::Object { keys, .. }) = self.open.pop() {
            self.keys.close(&keys);
        }
    }

    fn literal(&mut self, word: &'static [u8]) -> Result<(), JsonError> {
        if !self.input[self.at..].starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.out.extend_from_slice(word);
        self.at += word.len();
        Ok(())
    }

    /// Takes `byte` and writes it, if it is the next one that is not blank.
    fn take_if(&mut self, byte: u8) -> bool {
        self.skip_blank();
        let found = self.input.get(self.at) == Some(&byte);
        if found {
            self.out.push(byte);
            self.at += 1;
        }
        found
    }

    fn skip_blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.input.get(self.at) {
            self.at += 1;
        }
    }

    fn count_token(&mut self) -> Result<(), JsonError> {
        self.tokens += 1;
        if self.tokens > self.limits.tokens {
            return Err(JsonError::Tokens {
                limit: self.limits.tokens,
            });
        }
        Ok(())
    }

    fn expected(&self, wanted: &'static str) -> JsonError {
        JsonError::Syntax {
            at: self.at,
            wanted,
        }
    }
}

/// The text of a key in canonical form.
fn text(key: &[u8]) -> std::borrow::Cow<'_, str> {
    string::decode(std::str::from_utf8(key).expect("canonical text is UTF-8"))
}

/// Enough of a key to recognise it, without characters that could disturb a terminal or a log.
pub(crate) fn clip(key: &str) -> Box<str> {
    let mut short: String = key.chars().take(64).flat_map(char::escape_debug).collect();
    if key.chars().nth(64).is_some() {
        short.push('…');
    }
    short.into()
}
