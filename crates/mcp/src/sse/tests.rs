//! The framer and the reader against a reader of twenty lines that sees the whole stream at once.

use proptest::{collection::vec, prelude::*};

use super::*;

/// The events of a whole stream, by the text of the standard: (name, data, id).
fn events_of(stream: &str) -> Vec<(String, String, Option<String>)> {
    let normal = stream.replace("\r\n", "\n").replace('\r', "\n");
    let normal = normal.strip_prefix('\u{feff}').unwrap_or(&normal);
    let (whole, _unfinished) = normal.rsplit_once('\n').unwrap_or_default();
    let (mut events, mut name, mut data, mut id) = (vec![], String::new(), String::new(), None);
    for line in whole.split('\n') {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match (line, field) {
            ("", _) => {
                if let Some(text) = data.strip_suffix('\n') {
                    let shown = if name.is_empty() { "message" } else { &name };
                    events.push((shown.to_owned(), text.to_owned(), id.clone()));
                }
                (name, data, id) = (String::new(), String::new(), None);
            }
            (_, "event") => name = value.to_owned(),
            (_, "data") => data.extend([value, "\n"]),
            (_, "id") if !value.contains('\0') => id = Some(value.to_owned()),
            _ => {}
        }
    }
    events
}

/// Whether the last line of the stream, if it is whole, is blank, or there is none.
fn is_between(stream: &str) -> bool {
    let normal = stream.replace("\r\n", "\n").replace('\r', "\n");
    normal.trim_start_matches('\n').is_empty() || normal.ends_with("\n\n")
}

fn chunks<'a>(stream: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = stream;
    let mut chunks = Vec::new();
    for cut in cuts {
        let (chunk, after) = rest.split_at((*cut).min(rest.len()));
        chunks.push(chunk);
        rest = after;
    }
    chunks.push(rest);
    chunks
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_events_and_boundaries(
        stream in "\u{feff}?([\r\n:]|\r\n|data|data: ?|event: ?e|id: ?7|\0|é|x){0,24}",
        cuts in vec(0..4_usize, 0..30),
    ) {
        let mut reader = Reader::new(LIMIT);
        let mut framer = Framer::new(LIMIT);
        let mut events = Vec::new();
        let mut seen = 0;
        for chunk in chunks(stream.as_bytes(), &cuts) {
            events.extend(reader.feed(chunk).unwrap());
            let boundary = framer.feed(chunk).unwrap();
            let before = seen;
            seen += chunk.len();
            if let Ok(prefix) = std::str::from_utf8(&stream.as_bytes()[..seen]) {
                let between = is_between(prefix);
                prop_assert_eq!(boundary.position == Position::Between, between, "{:?}", prefix);
            }
            if let Some(end) = boundary.last_end {
                prop_assert!(is_between(&stream[..before + end]));
            }
        }
        let events: Vec<_> = events
            .into_iter()
            .filter_map(|event| Some((event.name, event.data?, event.id)))
            .collect();
        prop_assert_eq!(events, events_of(&stream));
    }
}

#[test]
fn the_answer_to_initialize_is_found_behind_other_events() {
    let stream = ": hi\r\n\r\nid: 1\r\ndata:\r\n\r\nevent: message\r\ndata: {\"jsonrpc\":\"2.0\",\r\ndata: \"id\":1,\"result\":{\"protocolVersion\":\"2025-06-18\"}}\r\n\r\n";
    let mut reader = Reader::new(LIMIT);
    let found = stream.as_bytes().chunks(7).find_map(|chunk| {
        let events = reader.feed(chunk).unwrap();
        let mut replies = events
            .iter()
            .filter_map(|event| crate::reply::Reply::read(event.data.as_ref()?.as_bytes()).ok());
        replies.next()
    });
    assert_eq!(found.unwrap().protocol_version(), Some("2025-06-18"));
}

#[test]
fn an_event_is_written_as_it_was_read() {
    let stream = "id: 1\nretry: 500\n\nevent: ping\nid: 2\ndata: {}\n\nretry: 7\n\ndata: \n\n";
    let events = Reader::new(LIMIT).feed(stream.as_bytes()).unwrap();
    let mut written = Vec::new();
    for event in &events {
        event.write(event.data.as_deref().map(str::as_bytes), &mut written);
    }
    assert_eq!(String::from_utf8(written).unwrap(), stream);
    assert_eq!(events.len(), 4);
}

#[test]
fn last_end_is_after_the_last_whole_event() {
    let mut framer = Framer::new(LIMIT);
    let boundary = framer.feed(b"data: 1\n\ndata: 2\n\ndata: 3").unwrap();
    assert_eq!(boundary.last_end, Some(18));
    assert_eq!(boundary.position, Position::Inside);
    let boundary = framer.feed(b"\r\n\r").unwrap();
    assert_eq!(
        (boundary.last_end, boundary.position),
        (Some(3), Position::Between)
    );
    let boundary = framer.feed(b"\ndata").unwrap();
    assert_eq!(
        (boundary.last_end, boundary.position),
        (Some(1), Position::Inside)
    );
}

#[test]
fn lines_and_events_beyond_the_limit_are_refused() {
    let limit = 16;
    let fits = b"data: 6\ndata: 8\n\ndata: 6\ndata: 8\n\n";
    assert!(Framer::new(limit).feed(fits).is_ok());
    assert!(Reader::new(limit).feed(fits).is_ok());
    for long in [
        &b"data: 4567890123456"[..],
        b"data: 6\ndata: 89\n\n",
        b"a\nb\nc\nd\ne\nf\ng\nh\ni\n",
    ] {
        let (mut framer, mut reader) = (Framer::new(limit), Reader::new(limit));
        let watched = long
            .chunks(3)
            .try_for_each(|chunk| framer.feed(chunk).map(drop));
        let read = long
            .chunks(3)
            .try_for_each(|chunk| reader.feed(chunk).map(drop));
        assert_eq!(watched, Err(TooLong { limit }));
        assert_eq!(read, Err(TooLong { limit }));
    }
}
