//! Which log events are written: what `ALDGATE_LOG` asks for, and for crates that are not ours
//! never more than warnings.

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    filter::{FilterExt as _, ParseError, filter_fn},
    layer::Filter,
    registry::LookupSpan,
};

/// The filter for these directives, with the cap that no directive lifts.
pub(super) fn parse<S>(
    directives: &str,
) -> Result<impl Filter<S> + Send + Sync + use<S>, ParseError>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let asked = EnvFilter::builder().parse(directives)?;
    Ok(asked.and(filter_fn(permitted)))
}

/// By the crate that logs, not by the target it chose, so that neither a renamed target nor a new
/// dependency escapes.
fn permitted(event: &Metadata<'_>) -> bool {
    *event.level() <= Level::WARN || event.module_path().is_some_and(ours)
}

fn ours(module_path: &str) -> bool {
    let krate = module_path.split("::").next().unwrap_or_default();
    OURS.contains(&krate)
}

/// Every crate of the workspace by the name its modules have: libraries, programs and tests.
const OURS: [&str; 16] = [
    "admin_cli",
    "aldgate",
    "aldgate_controller",
    "aldgate_gateway",
    "controller",
    "e2e",
    "egress",
    "gateway",
    "look",
    "mcp",
    "policy",
    "proto",
    "runtime",
    "seal",
    "tests",
    "token",
];

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::{Layer as _, Registry, layer::SubscriberExt as _};

    use super::*;

    #[test]
    fn our_own_crates_obey_the_filter() {
        assert!(logged("trace").contains("our trace"));
        assert!(logged("runtime=debug").contains("our debug"));
        assert!(!logged("runtime=debug").contains("our trace"));
        assert!(!logged("info").contains("our debug"));
    }

    #[test]
    fn dependencies_stay_at_warn_whatever_the_filter_says() {
        for directives in ["trace", "h2=trace", "trace,hyper=trace,h2=trace", "info"] {
            let text = logged(directives);
            assert!(!text.contains("secret"), "{directives}: {text}");
        }
        assert!(logged("trace").contains("their warning"));
        assert!(!logged("error").contains("their warning"));
    }

    #[test]
    fn every_member_of_the_workspace_is_ours() {
        let manifest = include_str!("../../../../Cargo.toml");
        let members = manifest
            .split("members = [")
            .nth(1)
            .unwrap()
            .split(']')
            .next()
            .unwrap();
        let members: Vec<_> = members.split('"').skip(1).step_by(2).collect();
        assert!(members.len() > 5, "{members:?}");
        for member in members {
            let krate = member.rsplit('/').next().unwrap().replace('-', "_");
            assert!(ours(&krate), "{member} is missing from OURS");
        }
    }

    /// What is written when our crate and another one log at every level under these directives.
    fn logged(directives: &str) -> String {
        let written = Written::default();
        let sink = written.clone();
        let lines = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(move || sink.clone())
            .with_filter(parse(directives).unwrap());
        tracing::subscriber::with_default(Registry::default().with(lines), || {
            tracing::debug!("our debug");
            tracing::trace!("our trace");
            foreign();
        });
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    /// Events as h2 would write them.
    fn foreign() {
        macro_rules! foreign_event {
            ($level:ident, $text:literal) => {{
                static CALLSITE: tracing::callsite::DefaultCallsite =
                    tracing::callsite::DefaultCallsite::new(&META);
                static META: Metadata<'static> = Metadata::new(
                    "event",
                    "h2::codec",
                    Level::$level,
                    None,
                    None,
                    Some("h2::codec::framed_write"),
                    tracing::field::FieldSet::new(
                        &["message"],
                        tracing::callsite::Identifier(&CALLSITE),
                    ),
                    tracing::metadata::Kind::EVENT,
                );
                let fields = META.fields();
                let message = fields.field("message").unwrap();
                let values = [(
                    &message,
                    Some(&tracing::field::display($text) as &dyn tracing::Value),
                )];
                // The macros ask first, and so must who dispatches directly.
                if tracing::dispatcher::get_default(|dispatch| dispatch.enabled(&META)) {
                    tracing::Event::dispatch(&META, &fields.value_set(&values));
                }
            }};
        }
        foreign_event!(TRACE, "secret header");
        foreign_event!(DEBUG, "secret header");
        foreign_event!(INFO, "secret header");
        foreign_event!(WARN, "their warning");
    }

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
