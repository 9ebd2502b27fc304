//! The local stack as a library: real Postgres, Redis, controller and gateways as private children of
//! one process. `./dev up` and every end-to-end test start the same thing through it, so the path a
//! newcomer runs is the path the tests run. It drives public doors only: HTTP, gRPC, the programs.

/// Where a run keeps its files, and how what dead runs left behind is removed.
pub mod scratch;

/// Text for a shell.
mod shell;

/// Children that cannot outlive us, with their output in files.
pub mod process;

/// A private Postgres.
pub mod postgres;

/// A private Redis.
pub mod redis;

/// The certificate authority of one cluster.
pub mod pki;

/// The files that a cluster in containers starts from.
pub mod secrets;

/// Small HTTP clients: one that is correct and one that sends exactly the bytes it is given.
pub mod http;

/// The controller as a child.
pub mod controller;

/// A gateway as a child.
pub mod gateway;

/// The demo server as a child.
pub mod demo;

/// Controller, gateways and what they need, started together.
pub mod cluster;

/// The program `aldgate`, run against a cluster.
pub mod cli;

/// Typed clients of the admin API.
pub mod admin;

/// What a new cluster is given: the tenant `demo` with one server and one key.
pub mod seed;

/// `./dev up`: the stack for a person.
pub mod dev;

/// `.dev/state.json`: what scripts need to find a running stack.
pub mod state;

/// A wire between two processes that a test can cut.
pub mod wire;

/// An upstream whose every answer the test decides.
pub mod upstream;

/// An issuer of JSON Web Tokens that the test holds.
pub mod issuer;

/// Node and Python programs that the tests use, installed on first use.
pub mod foreign;

/// The public conformance suite, straight at the fixture and through a gateway.
pub mod conformance;

/// A user agent and a client that the test holds in its hands.
pub mod agent;

/// A person with a browser.
pub mod person;

/// An independent OpenID provider as a process.
pub mod idp;

/// Clients that connect from an MCP URL and nothing else.
pub mod connect;

/// The official clients as programs.
pub mod clients;
