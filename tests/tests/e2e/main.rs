//! End-to-end tests: real processes, real Postgres and Redis, public doors only. One file per
//! behaviour; every test owns its cluster.

mod authz;
mod calls;
mod canary;
mod compose;
mod credentials;
mod faults;
mod isolation;
mod kek;
mod leakage;
mod load;
mod quarantine;
mod quickstart;
mod raw_grpc;
mod schema;
mod ssrf;
mod tools;
