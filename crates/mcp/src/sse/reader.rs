//! Reads events out of a stream, for the few streams that we must understand.

use super::{TooLong, lines::Lines};

/// One event with data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `event:`; `message` where absent.
    pub name: String,
    /// The `data:` lines, joined by line feeds.
    pub data: String,
    /// `id:` of this event.
    pub id: Option<String>,
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
        }
    }

    /// Takes the next chunk and returns the events that it completed, in order. Events without data are none; an
    /// event that the stream does not finish is dropped.
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
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<Event> {
        self.length = 0;
        let name = std::mem::take(&mut self.name);
        let id = self.id.take();
        let data = self.data.take()?;
        Some(Event {
            name: if name.is_empty() {
                "message".to_owned()
            } else {
                name
            },
            data,
            id,
        })
    }
}
