//! Compiles the protos in pure Rust, so that nobody needs `protoc`.
#![expect(clippy::expect_used, reason = "a build script reports by failing")]

use std::{env, fs, path::PathBuf};

/// Messages that hold a secret: their `Debug` is written by hand in `src/redact.rs`.
const SECRET: [&str; 22] = [
    ".aldgate.access.v1.JwtAuthenticator",
    ".aldgate.admin.v1.CredentialInput",
    ".aldgate.admin.v1.CreateKeyResponse",
    ".aldgate.admin.v1.CreateTokenResponse",
    ".aldgate.admin.v1.RotateKeyResponse",
    ".aldgate.admin.v1.CreateServerResponse",
    ".aldgate.admin.v1.CustomHeader",
    ".aldgate.admin.v1.StaticTokenInput",
    ".aldgate.admin.v1.BasicInput",
    ".aldgate.admin.v1.CreateStaticTokenResponse",
    ".aldgate.admin.v1.CreateClientResponse",
    ".aldgate.admin.v1.RotateClientSecretResponse",
    ".aldgate.admin.v1.PasswordInput",
    ".aldgate.admin.v1.CreateUserResponse",
    ".aldgate.admin.v1.SetPasswordResponse",
    ".aldgate.admin.v1.IdentityProvider",
    ".aldgate.admin.v1.TokenInput",
    ".aldgate.node.v1.TokenHeader",
    ".aldgate.node.v1.Pepper",
    ".aldgate.node.v1.JwtSecret",
    ".aldgate.node.v1.Lease",
    ".aldgate.node.v1.SessionKey",
];

const FILES: [&str; 25] = [
    "aldgate/access/v1/authenticator.proto",
    "aldgate/access/v1/limit.proto",
    "aldgate/access/v1/oauth.proto",
    "aldgate/access/v1/policy.proto",
    "aldgate/admin/v1/access.proto",
    "aldgate/admin/v1/access_service.proto",
    "aldgate/admin/v1/hint_service.proto",
    "aldgate/admin/v1/limit_service.proto",
    "aldgate/admin/v1/static_token_service.proto",
    "aldgate/admin/v1/client_service.proto",
    "aldgate/admin/v1/identity_provider_service.proto",
    "aldgate/admin/v1/oauth_service.proto",
    "aldgate/admin/v1/revocation_service.proto",
    "aldgate/admin/v1/user_service.proto",
    "aldgate/admin/v1/credential.proto",
    "aldgate/admin/v1/key_service.proto",
    "aldgate/admin/v1/node_service.proto",
    "aldgate/admin/v1/revision_service.proto",
    "aldgate/admin/v1/server_service.proto",
    "aldgate/admin/v1/tenant_service.proto",
    "aldgate/admin/v1/token_service.proto",
    "aldgate/sync/v1/config_sync_service.proto",
    "aldgate/sync/v1/resource.proto",
    "aldgate/sync/v1/revocation.proto",
    "aldgate/node/v1/lease_service.proto",
];

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    println!("cargo:rerun-if-changed=aldgate");

    let mut compiler = protox::Compiler::new([&root]).expect("the proto folder is there");
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(FILES).expect("the protos compile");

    // Encoded by the compiler itself: re-encoding the parsed set would lose our method options.
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    fs::write(
        out.join("descriptors.bin"),
        compiler.encode_file_descriptor_set(),
    )
    .expect("the output folder can be written");

    let mut config = tonic_prost_build::Config::new();
    config.skip_debug(SECRET);
    config.bytes(["."]);
    tonic_prost_build::configure()
        .compile_fds_with_config(compiler.file_descriptor_set(), config)
        .expect("code can be generated");
}
