#![doc = include_str!("../README.md")]

/// Names with `*` for any text, matched in linear time.
mod pattern;

/// The checks that the parts of a policy go through.
mod check;

/// What is wrong with a policy, and where.
mod fault;

/// What a tool does: read, write, or nobody knows.
mod class;

/// Who asks for what.
mod request;

/// Whether, and by which rule.
mod decision;

/// Limits on what a credential is good for.
mod scope;

/// How operators class tools.
mod overrides;

/// Roles, subjects and groups: order never matters, deny always wins.
mod roles;

/// The flat list: the first match wins.
mod flat;

/// A compiled policy.
mod policy;

pub use self::{
    class::{Class, Classification, Source, classify_definition, classify_name},
    decision::Decision,
    fault::Fault,
    policy::Policy,
    request::{Object, What, Who},
    scope::{Need, Scopes},
};
