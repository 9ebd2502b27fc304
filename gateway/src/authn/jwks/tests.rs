//! The registry with an issuer at the other end.
