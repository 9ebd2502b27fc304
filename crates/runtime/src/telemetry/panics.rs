//! How a panic is logged: its place, and its message only if that is a literal.
//!
//! A formatted message can quote data (`unwrap` on an error, a slice in the middle of a character),
//! and data can be secret.

use std::{any::Any, panic};

pub(super) fn install() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string);
        let message = literal(info.payload());
        metrics::counter!("aldgate_panics_total").increment(1);
        tracing::error!(place, panic = message, "panicked");
    }));
}

fn literal(payload: &(dyn Any + Send)) -> &'static str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("(left out: it may quote data)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_literal_messages_are_shown() {
        let of = |panic: fn()| panic::catch_unwind(panic).unwrap_err();
        assert_eq!(literal(&*of(|| panic!("a literal"))), "a literal");
        assert_eq!(
            literal(&*of(|| panic!("{}", String::from("secret")))),
            "(left out: it may quote data)"
        );
    }
}
