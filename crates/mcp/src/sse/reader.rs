//! Reads events out of a stream, for the few streams that we must understand.

use super::{TooLong, lines::Lines};

/// One event; without data it only tells a client how to come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `event:`; `message` where absent.
    pub name: String,
    /// The `data:` lines, joined by line feeds.
    pub data: Option<String>,
    /// `id:` of this event.
    pub id: Option<String>,
    /// `retry:` of this event, digits.
    pub retry: Option<String>,
}

impl Event {
    /// Writes the event with other data, which has no line ends (JSON in canonical form has none).
    pub fn write(&self, data: Option<&[u8]>, out: &mut Vec<u8>) {
        let mut line = |field: &str, value: &[u8]| {
            out.extend_from_slice(field.as_bytes());
            out.extend_from_slice(value);
            out.push(b'\n');
        };
        if self.name != MESSAGE {
            line("event: ", self.name.as_bytes());
        }
        if let Some(id) = &self.id {
            line("id: ", id.as_bytes());
        }
        if let Some(retry) = &self.retry {
            line("retry: ", retry.as_bytes());
        }
        if let Some(data) = data {
            line("data: ", data);
        }
        out.push(b'\n');
    }
}

/// Follows one stream; holds at most one event.
#[derive(Debug)]
pub struct Reader {
    limit: usize,
    lines: Lines,
    line: Vec<u8>,
    length: usize,
    first_line: bool,
    name: String,
    data: Option<String>,
    id: Option<String>,
    retry: Option<String>,
}

impl Reader {
    /// `limit` bounds a line and an event (its lines together), in bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            lines: Lines::default(),
            line: Vec::new(),
            length: 0,
            first_line: true,
            name: String::new(),
            data: None,
            id: None,
            retry: None,
        }
    }

    /// Takes the next chunk and returns the events that it completed, in order. Comments are dropped, and so is an
    /// event that the stream does not finish.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        let mut at = self.lines.start(chunk);
        while let Some(piece) = self.lines.next(chunk, at) {
            self.length += piece.text.len();
            if self.length > self.limit {
                return Err(TooLong { limit: self.limit });
            }
            self.line.extend_from_slice(piece.text);
            let Some(end) = piece.end else {
                break;
            };
            at = end;
            self.length += 1;
            events.extend(self.end_line());
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<Event> {
        let bytes = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&bytes);
        let mut line = &*line;
        if std::mem::take(&mut self.first_line) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            return self.end_event();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = Some(value.to_owned());
            }
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<Event> {
        self.length = 0;
        let name = std::mem::take(&mut self.name);
        let (id, retry, data) = (self.id.take(), self.retry.take(), self.data.take());
        let says = id.is_some() || retry.is_some() || data.is_some();
        says.then(|| Event {
            name: if name.is_empty() {
                MESSAGE.to_owned()
            } else {
                name
            },
            data,
            id,
            retry,
        })
    }
}

const MESSAGE: &str = "message";
