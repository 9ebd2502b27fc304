//! One valid request for each method of the admin API.

/// Valid requests, in an order that works for the tenant `acme`: what a method creates, later ones use.
/// `SCOPE_TENANT` methods name the tenant; the test replaces it to try another tenant's token.
pub(super) const REQUESTS: &[(&str, &str)] = &[
    (
        "TenantService.CreateTenant",
        r#"{"tenantId":"extra","tenant":{"host":"extra.test"}}"#,
    ),
    ("TenantService.GetTenant", r#"{"name":"tenants/acme"}"#),
    ("TenantService.ListTenants", "{}"),
    (
        "TenantService.UpdateTenant",
        r#"{"tenant":{"name":"tenants/extra","displayName":"x"},"updateMask":"displayName"}"#,
    ),
    ("TenantService.DeleteTenant", r#"{"name":"tenants/extra"}"#),
    (
        "ServerService.CreateServer",
        r#"{"parent":"tenants/acme","serverId":"extra","server":{"url":"http://127.0.0.1:9/mcp"}}"#,
    ),
    (
        "ServerService.GetServer",
        r#"{"name":"tenants/acme/servers/extra"}"#,
    ),
    ("ServerService.ListServers", r#"{"parent":"tenants/acme"}"#),
    (
        "ServerService.UpdateServer",
        r#"{"server":{"name":"tenants/acme/servers/extra","description":"x"},"updateMask":"description"}"#,
    ),
    (
        "ServerService.SetServerCredential",
        r#"{"name":"tenants/acme/servers/extra","credential":{"scheme":"AUTH_SCHEME_BEARER","value":"v"}}"#,
    ),
    (
        "StaticTokenService.CreateStaticToken",
        r#"{"parent":"tenants/acme","staticTokenId":"extra","staticToken":{"server":"tenants/acme/servers/extra","type":"STATIC_TOKEN_TYPE_BEARER"},"lifespan":"KEY_LIFESPAN_SEVEN_DAYS","input":{"generate":true}}"#,
    ),
    (
        "StaticTokenService.GetStaticToken",
        r#"{"name":"tenants/acme/staticTokens/extra"}"#,
    ),
    (
        "StaticTokenService.ListStaticTokens",
        r#"{"parent":"tenants/acme"}"#,
    ),
    (
        "StaticTokenService.UpdateStaticToken",
        r#"{"staticToken":{"name":"tenants/acme/staticTokens/extra","disabled":true},"updateMask":"disabled"}"#,
    ),
    (
        "StaticTokenService.DeleteStaticToken",
        r#"{"name":"tenants/acme/staticTokens/extra"}"#,
    ),
    (
        "AccessService.SetAuthenticators",
        r#"{"name":"tenants/acme","authenticators":{"list":[{"apiKey":{}},{"static":{}}]}}"#,
    ),
    (
        "AccessService.GetAuthenticators",
        r#"{"name":"tenants/acme"}"#,
    ),
    (
        "AccessService.SetPolicy",
        r#"{"policy":{"name":"tenants/acme/policy","policy":{"default":"deny"}}}"#,
    ),
    (
        "AccessService.GetPolicy",
        r#"{"name":"tenants/acme/policy"}"#,
    ),
    (
        "AccessService.Explain",
        r#"{"parent":"tenants/acme","server":"tenants/acme/servers/extra","tool":"echo"}"#,
    ),
    (
        "AccessService.ClassifyTools",
        r#"{"server":"tenants/acme/servers/extra"}"#,
    ),
    ("LimitService.GetDefaultLimits", "{}"),
    ("LimitService.SetDefaultLimits", r#"{"limits":{}}"#),
    ("LimitService.GetTenantLimits", r#"{"name":"tenants/acme"}"#),
    (
        "LimitService.SetTenantLimits",
        r#"{"name":"tenants/acme","limits":{}}"#,
    ),
    (
        "HintService.GetCredentialHint",
        r#"{"url":"https://mcp.linear.app/mcp"}"#,
    ),
    (
        "ServerService.DeleteServer",
        r#"{"name":"tenants/acme/servers/extra"}"#,
    ),
    (
        "KeyService.CreateKey",
        r#"{"parent":"tenants/acme","keyId":"extra","key":{"allServers":true},"lifespan":"KEY_LIFESPAN_SEVEN_DAYS"}"#,
    ),
    ("KeyService.GetKey", r#"{"name":"tenants/acme/keys/extra"}"#),
    ("KeyService.ListKeys", r#"{"parent":"tenants/acme"}"#),
    (
        "KeyService.UpdateKey",
        r#"{"key":{"name":"tenants/acme/keys/extra","disabled":true},"updateMask":"disabled"}"#,
    ),
    (
        "KeyService.RotateKey",
        r#"{"name":"tenants/acme/keys/extra","overlap":"60s"}"#,
    ),
    (
        "KeyService.DeleteKey",
        r#"{"name":"tenants/acme/keys/extra"}"#,
    ),
    (
        "ClientService.CreateClient",
        r#"{"parent":"tenants/acme","clientId":"extra","client":{"redirectUris":["https://app.example/cb"]}}"#,
    ),
    (
        "ClientService.GetClient",
        r#"{"name":"tenants/acme/clients/extra"}"#,
    ),
    ("ClientService.ListClients", r#"{"parent":"tenants/acme"}"#),
    (
        "ClientService.UpdateClient",
        r#"{"client":{"name":"tenants/acme/clients/extra","displayName":"x"},"updateMask":"displayName"}"#,
    ),
    (
        "ClientService.RotateClientSecret",
        r#"{"name":"tenants/acme/clients/extra"}"#,
    ),
    (
        "ClientService.DeleteClient",
        r#"{"name":"tenants/acme/clients/extra"}"#,
    ),
    (
        "UserService.CreateUser",
        r#"{"parent":"tenants/acme","userId":"extra","user":{"login":"extra@acme.test"}}"#,
    ),
    (
        "UserService.GetUser",
        r#"{"name":"tenants/acme/users/extra"}"#,
    ),
    ("UserService.ListUsers", r#"{"parent":"tenants/acme"}"#),
    (
        "UserService.UpdateUser",
        r#"{"user":{"name":"tenants/acme/users/extra","displayName":"x"},"updateMask":"displayName"}"#,
    ),
    (
        "UserService.SetPassword",
        r#"{"name":"tenants/acme/users/extra","password":{"generate":true}}"#,
    ),
    (
        "UserService.DeleteUser",
        r#"{"name":"tenants/acme/users/extra"}"#,
    ),
    (
        "IdentityProviderService.CreateIdentityProvider",
        r#"{"parent":"tenants/acme","identityProviderId":"extra","identityProvider":{"issuer":"https://idp.example","clientId":"us"}}"#,
    ),
    (
        "IdentityProviderService.GetIdentityProvider",
        r#"{"name":"tenants/acme/identityProviders/extra"}"#,
    ),
    (
        "IdentityProviderService.ListIdentityProviders",
        r#"{"parent":"tenants/acme"}"#,
    ),
    (
        "IdentityProviderService.UpdateIdentityProvider",
        r#"{"identityProvider":{"name":"tenants/acme/identityProviders/extra","displayName":"x"},"updateMask":"displayName"}"#,
    ),
    (
        "IdentityProviderService.DeleteIdentityProvider",
        r#"{"name":"tenants/acme/identityProviders/extra"}"#,
    ),
    (
        "OauthService.GetOauthSettings",
        r#"{"name":"tenants/acme/oauthSettings"}"#,
    ),
    (
        "OauthService.SetOauthSettings",
        r#"{"oauthSettings":{"name":"tenants/acme/oauthSettings"}}"#,
    ),
    (
        "OauthService.GetGrant",
        r#"{"name":"tenants/acme/grants/0190b7c2-6f00-7abc-8def-0123456789ab"}"#,
    ),
    ("OauthService.ListGrants", r#"{"parent":"tenants/acme"}"#),
    (
        "OauthService.ListSigningKeys",
        r#"{"parent":"tenants/acme"}"#,
    ),
    (
        "OauthService.RotateSigningKey",
        r#"{"parent":"tenants/acme"}"#,
    ),
    (
        "RevocationService.Revoke",
        r#"{"parent":"tenants/acme","everything":true}"#,
    ),
    (
        "TokenService.CreateToken",
        r#"{"token":{"role":"TOKEN_ROLE_VIEWER"}}"#,
    ),
    ("TokenService.ListTokens", "{}"),
    ("TokenService.DeleteToken", r#"{"name":"TOKEN"}"#),
    ("NodeService.GetNode", r#"{"name":"nodes/gateway-1"}"#),
    ("NodeService.ListNodes", "{}"),
    ("NodeService.DeleteNode", r#"{"name":"nodes/never-seen"}"#),
    (
        "RevisionService.GetRevision",
        r#"{"name":"revisions/head"}"#,
    ),
    ("RevisionService.ListRevisions", "{}"),
    (
        "RevisionService.WaitForRevision",
        r#"{"revision":"1","tenant":"tenants/acme","timeout":"5s"}"#,
    ),
];
