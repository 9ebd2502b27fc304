//! The config stream. `feed` turns committed changes into `State`s, `stream` brings each node to the
//! newest one, `nodes` remembers what each node says it runs. Nobody writes config here.

/// Rows to stream resources; pure.
pub mod compile;

/// Follows the database and publishes each new state.
pub mod feed;

/// Which resources each revision changed.
pub mod history;

/// The nodes and how far each is.
pub mod nodes;

/// What the feed reads from the database.
pub mod rows;

/// One node's conversation as decisions without I/O.
pub mod session;

/// Config at one revision.
pub mod state;

/// The RPC.
pub mod stream;

/// Which grants are in use.
pub mod uses;

pub use feed::Feed;
pub use nodes::Registry;
pub use state::{Cursor, State, States};
pub use stream::SyncService;
pub use uses::Uses;
