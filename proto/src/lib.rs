//! The contract between our processes: the protobuf packages, and the names, ids and hashes whose
//! meaning both ends must share. It holds no behaviour.

/// `aldgate.access.v1`: who may call what, as operators say it and as nodes are told.
pub mod access {
    /// Version 1.
    pub mod v1 {
        #![expect(clippy::pedantic, clippy::large_enum_variant, reason = "generated")]
        tonic::include_proto!("aldgate.access.v1");
    }
}

/// `aldgate.admin.v1`: what operators and the command line call.
pub mod admin {
    /// Version 1.
    pub mod v1 {
        #![expect(
            clippy::pedantic,
            clippy::allow_attributes,
            clippy::allow_attributes_without_reason,
            unused_qualifications,
            reason = "generated"
        )]
        tonic::include_proto!("aldgate.admin.v1");
    }
}

/// `aldgate.sync.v1`: the config stream.
pub mod sync {
    /// Version 1.
    pub mod v1 {
        #![expect(
            clippy::pedantic,
            clippy::allow_attributes,
            clippy::allow_attributes_without_reason,
            unused_qualifications,
            reason = "generated"
        )]
        tonic::include_proto!("aldgate.sync.v1");
    }
}

/// `aldgate.node.v1`: credential leases and keys.
pub mod node {
    /// Version 1.
    pub mod v1 {
        #![expect(
            clippy::pedantic,
            clippy::allow_attributes,
            clippy::allow_attributes_without_reason,
            unused_qualifications,
            reason = "generated"
        )]
        tonic::include_proto!("aldgate.node.v1");
    }
}

/// Ids as types of their own.
pub mod id;

/// How what is revoked is named.
pub mod revocation;

/// Slugs and resource names.
pub mod name;

/// The order-free hash of what a node holds.
pub mod digest;

/// `Debug` without the secret, for the messages that hold one.
mod redact;

/// All our protos with their comments and options, encoded; for reflection and the access table.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
