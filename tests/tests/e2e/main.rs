//! End-to-end tests: real processes, real Postgres and Redis, public doors only. One file per
//! behaviour; every test owns its cluster.

mod admin_api;
mod attacks;
mod authenticators;
mod authz;
mod browser;
mod calls;
mod canary;
mod catalogue;
mod cli;
mod compose;
mod connect;
mod credentials;
mod doors;
mod faults;
mod isolation;
mod kek;
mod leakage;
mod limits;
mod load;
mod oidc;
mod people;
mod quarantine;
mod quickstart;
mod raw_grpc;
mod revocation;
mod roles;
mod schema;
mod ssrf;
mod tools;
mod vendors;
mod waiting;
