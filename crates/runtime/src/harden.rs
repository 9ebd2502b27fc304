//! What this process gives up at start, so that a crash or another user cannot read its secrets.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Switches core files off and makes memory and environment unreadable to other users (CL-09,
/// CL-10).
///
/// Call it after [`crate::telemetry::init`], because a failure is logged, and before reading
/// secrets. A failure does not stop the start: both calls only lower what the process may do and no
/// supported kernel refuses them.
pub fn apply() {
    let no_core = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = setrlimit(Resource::Core, no_core) {
        tracing::warn!(%error, "core files could not be switched off; a crash may write secrets to disk");
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "the process could not be made undumpable; its user's other processes can read its memory");
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    /// CL-09
    #[test]
    fn afterwards_there_is_no_core_file_and_no_dump() {
        apply();
        let core = getrlimit(Resource::Core);
        assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
