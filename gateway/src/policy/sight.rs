//! What a caller may see of a server's lists.

use std::{sync::Arc, time::SystemTime};

use mcp::list::{Editor, List};

use super::rights::Rights;
use crate::{authn::Caller, config::snapshot::Server, session::cursor};

/// A caller's eyes at one server.
pub struct Sight {
    caller: Caller,
    server: Arc<Server>,
    now: SystemTime,
}

impl Sight {
    pub(super) fn new(caller: Caller, server: Arc<Server>, now: SystemTime) -> Self {
        Self {
            caller,
            server,
            now,
        }
    }
}

impl Editor for Sight {
    fn permits(&self, list: List, item: &str) -> bool {
        Rights::at(&self.caller, &self.server).show(list, item)
    }

    fn seal(&self, list: List, cursor: &str) -> Option<String> {
        cursor::seal(&self.caller, &self.server, list, cursor, self.now)
    }
}
