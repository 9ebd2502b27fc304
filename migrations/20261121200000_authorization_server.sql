-- The authorization server: clients, users, identity providers, grants, signing keys, revocations.
-- Everything is a tenant's; secrets are here as hashes or sealed.

ALTER TABLE tenants ADD COLUMN oauth jsonb;
COMMENT ON COLUMN tenants.oauth IS 'aldgate.access.v1.OauthSettings as proto JSON; NULL means all defaults';

CREATE TABLE signing_keys (
    tenant_id  uuid        NOT NULL,
    kid        text        NOT NULL,
    x          bytea       NOT NULL,
    y          bytea       NOT NULL,
    sealed     bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    active_at  timestamptz NOT NULL,
    retire_at  timestamptz,
    gone_at    timestamptz,
    revoked    boolean     NOT NULL DEFAULT false,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (tenant_id, kid),
    CONSTRAINT signing_keys_point CHECK (length(x) = 32 AND length(y) = 32),
    CONSTRAINT signing_keys_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants ON DELETE CASCADE
);
COMMENT ON TABLE signing_keys IS 'announced until active_at, active until retire_at, retiring until gone_at; the private key is sealed and removed when it signs no more';

CREATE TABLE identity_providers (
    tenant_id            uuid        NOT NULL,
    identity_provider_id uuid        NOT NULL,
    slug                 text        NOT NULL,
    display_name         text        NOT NULL DEFAULT '',
    issuer               text        NOT NULL,
    client_id            text        NOT NULL,
    secret_sealed        bytea,
    scopes               text[]      NOT NULL DEFAULT '{}',
    groups_claim         text        NOT NULL DEFAULT '',
    group_roles          jsonb       NOT NULL DEFAULT '[]',
    login_claim          text        NOT NULL DEFAULT '',
    create_users         boolean     NOT NULL DEFAULT false,
    email_domains        text[]      NOT NULL DEFAULT '{}',
    disabled             boolean     NOT NULL DEFAULT false,
    etag                 bigint      NOT NULL DEFAULT 1,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT identity_providers_pkey PRIMARY KEY (tenant_id, identity_provider_id),
    CONSTRAINT identity_providers_slug_key UNIQUE (tenant_id, slug),
    CONSTRAINT identity_providers_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants ON DELETE CASCADE
);
COMMENT ON COLUMN identity_providers.group_roles IS 'a list of {group, roles}';

CREATE TABLE users (
    tenant_id     uuid        NOT NULL,
    user_id       uuid        NOT NULL,
    slug          text        NOT NULL,
    login         text        NOT NULL,
    display_name  text        NOT NULL DEFAULT '',
    password      text,
    roles         text[]      NOT NULL DEFAULT '{}',
    groups        text[]      NOT NULL DEFAULT '{}',
    admin_role    text        NOT NULL DEFAULT 'none',
    disabled      boolean     NOT NULL DEFAULT false,
    last_login_at timestamptz,
    etag          bigint      NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_pkey PRIMARY KEY (tenant_id, user_id),
    CONSTRAINT users_slug_key UNIQUE (tenant_id, slug),
    CONSTRAINT users_admin_role CHECK (admin_role IN ('none', 'viewer', 'admin')),
    CONSTRAINT users_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants ON DELETE CASCADE
);
CREATE UNIQUE INDEX users_login_key ON users (tenant_id, lower(login));
COMMENT ON COLUMN users.password IS 'Argon2id in the PHC string format';

-- Who is who at an identity provider: linked by issuer and subject, never by an e-mail address.
CREATE TABLE identities (
    tenant_id            uuid        NOT NULL,
    identity_provider_id uuid        NOT NULL,
    issuer               text        NOT NULL,
    subject              text        NOT NULL,
    user_id              uuid        NOT NULL,
    roles                text[]      NOT NULL DEFAULT '{}',
    groups               text[]      NOT NULL DEFAULT '{}',
    created_at           timestamptz NOT NULL DEFAULT now(),
    last_login_at        timestamptz,
    CONSTRAINT identities_pkey PRIMARY KEY (tenant_id, issuer, subject),
    CONSTRAINT identities_provider_fkey FOREIGN KEY (tenant_id, identity_provider_id)
        REFERENCES identity_providers ON DELETE CASCADE,
    CONSTRAINT identities_user_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX identities_user ON identities (tenant_id, user_id);
COMMENT ON COLUMN identities.roles IS 'what the provider''s groups gave at the last sign-in';

CREATE TABLE oauth_clients (
    tenant_id      uuid        NOT NULL,
    client_uid     uuid        NOT NULL,
    slug           text        NOT NULL,
    client_id      text        NOT NULL,
    registration   text        NOT NULL,
    display_name   text        NOT NULL DEFAULT '',
    metadata       jsonb       NOT NULL DEFAULT '{}',
    metadata_hash  bytea,
    secret_sha256  bytea,
    roles          text[]      NOT NULL DEFAULT '{}',
    trust          text        NOT NULL DEFAULT 'ask',
    granted_at     timestamptz,
    last_used_at   timestamptz,
    etag           bigint      NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT oauth_clients_pkey PRIMARY KEY (tenant_id, client_uid),
    CONSTRAINT oauth_clients_slug_key UNIQUE (tenant_id, slug),
    CONSTRAINT oauth_clients_client_id_key UNIQUE (tenant_id, client_id),
    CONSTRAINT oauth_clients_registration CHECK (registration IN ('manual', 'dynamic', 'document')),
    CONSTRAINT oauth_clients_trust CHECK (trust IN ('ask', 'trusted', 'blocked')),
    CONSTRAINT oauth_clients_secret CHECK (length(secret_sha256) = 32),
    CONSTRAINT oauth_clients_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants ON DELETE CASCADE
);
-- Identical registrations share one row; a client with a secret of its own never does.
CREATE UNIQUE INDEX oauth_clients_metadata ON oauth_clients (tenant_id, metadata_hash) WHERE metadata_hash IS NOT NULL;
CREATE INDEX oauth_clients_idle ON oauth_clients (tenant_id, updated_at) WHERE granted_at IS NULL AND registration <> 'manual';
COMMENT ON COLUMN oauth_clients.metadata IS 'redirect_uris, grant_types, token_endpoint_auth_method, jwks, jwks_uri, software… as of RFC 7591';
COMMENT ON COLUMN oauth_clients.granted_at IS 'when it first got a grant; never forgotten from then on';

CREATE TABLE grants (
    tenant_id       uuid        NOT NULL,
    grant_id        uuid        NOT NULL,
    user_id         uuid        NOT NULL,
    client_uid      uuid        NOT NULL,
    redirect_origin text        NOT NULL DEFAULT '',
    resources       text[]      NOT NULL,
    scopes          text[]      NOT NULL,
    generation      bigint      NOT NULL DEFAULT 0,
    current_sha256  bytea,
    previous_sha256 bytea,
    rotated_at      timestamptz,
    current_used_at timestamptz,
    user_agent      text        NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now(),
    last_used_at    timestamptz,
    idle_expires_at timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    revoked_at      timestamptz,
    revoke_reason   text        NOT NULL DEFAULT '',
    consented_at    timestamptz,
    redirects_sha256 bytea,
    CONSTRAINT grants_pkey PRIMARY KEY (tenant_id, grant_id),
    CONSTRAINT grants_user_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE,
    CONSTRAINT grants_client_fkey FOREIGN KEY (tenant_id, client_uid) REFERENCES oauth_clients ON DELETE CASCADE
);
CREATE UNIQUE INDEX grants_current ON grants (tenant_id, current_sha256) WHERE current_sha256 IS NOT NULL;
CREATE INDEX grants_previous ON grants (tenant_id, previous_sha256) WHERE previous_sha256 IS NOT NULL;
CREATE INDEX grants_user ON grants (tenant_id, user_id);
CREATE INDEX grants_client ON grants (tenant_id, client_uid);
COMMENT ON COLUMN grants.consented_at IS 'when its user was last asked; a grant that was given unasked has that of the one before';
COMMENT ON COLUMN grants.redirects_sha256 IS 'of the client''s redirect URIs when the user was asked';
COMMENT ON COLUMN grants.generation IS 'refresh tokens are derived from the tenant key, the grant and this number; the rows hold hashes alone';

-- Refresh tokens that were replaced: presenting one later is theft. The newest few of a grant.
CREATE TABLE spent_refresh_tokens (
    tenant_id  uuid        NOT NULL,
    sha256     bytea       NOT NULL,
    grant_id   uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT spent_refresh_tokens_pkey PRIMARY KEY (tenant_id, sha256),
    CONSTRAINT spent_refresh_tokens_grant_fkey FOREIGN KEY (tenant_id, grant_id) REFERENCES grants ON DELETE CASCADE
);
CREATE INDEX spent_refresh_tokens_grant ON spent_refresh_tokens (tenant_id, grant_id, created_at);

CREATE TABLE authorization_codes (
    tenant_id      uuid        NOT NULL,
    code_sha256    bytea       NOT NULL,
    grant_id       uuid        NOT NULL,
    redirect_uri   text        NOT NULL,
    redirect_given boolean     NOT NULL,
    code_challenge text        NOT NULL,
    attempts       int         NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    consumed_at    timestamptz,
    CONSTRAINT authorization_codes_pkey PRIMARY KEY (tenant_id, code_sha256),
    CONSTRAINT authorization_codes_grant_fkey FOREIGN KEY (tenant_id, grant_id) REFERENCES grants ON DELETE CASCADE
);
CREATE INDEX authorization_codes_created ON authorization_codes (tenant_id, created_at);

-- Login transactions: an authorization request, or a visit to our own pages, on its way through login
-- and consent. Bound to the browser that began it.
CREATE TABLE login_transactions (
    tenant_id      uuid        NOT NULL,
    transaction_id uuid        NOT NULL,
    browser_sha256 bytea       NOT NULL,
    network        text        NOT NULL DEFAULT '',
    request        jsonb       NOT NULL,
    upstream       jsonb,
    upstream_sealed bytea,
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    CONSTRAINT login_transactions_pkey PRIMARY KEY (tenant_id, transaction_id),
    CONSTRAINT login_transactions_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants ON DELETE CASCADE
);
CREATE INDEX login_transactions_expires ON login_transactions (tenant_id, expires_at);
CREATE INDEX login_transactions_network ON login_transactions (tenant_id, network, created_at);
COMMENT ON COLUMN login_transactions.upstream IS 'on the way to an identity provider: which, and the hashes of state and nonce';
COMMENT ON COLUMN login_transactions.upstream_sealed IS 'the PKCE verifier and nonce for the identity provider';

CREATE TABLE browser_sessions (
    tenant_id      uuid        NOT NULL,
    session_sha256 bytea       NOT NULL,
    user_id        uuid        NOT NULL,
    auth_time      timestamptz NOT NULL,
    user_agent     text        NOT NULL DEFAULT '',
    created_at     timestamptz NOT NULL DEFAULT now(),
    last_seen_at   timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    CONSTRAINT browser_sessions_pkey PRIMARY KEY (tenant_id, session_sha256),
    CONSTRAINT browser_sessions_user_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX browser_sessions_user ON browser_sessions (tenant_id, user_id);

CREATE TABLE device_codes (
    tenant_id        uuid        NOT NULL,
    device_sha256    bytea       NOT NULL,
    user_code_sha256 bytea       NOT NULL,
    client_uid       uuid        NOT NULL,
    resources        text[]      NOT NULL,
    scopes           text[]      NOT NULL,
    state            text        NOT NULL DEFAULT 'pending',
    grant_id         uuid,
    interval_secs    int         NOT NULL DEFAULT 5,
    polled_at        timestamptz,
    peer             text        NOT NULL DEFAULT '',
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    CONSTRAINT device_codes_pkey PRIMARY KEY (tenant_id, device_sha256),
    CONSTRAINT device_codes_user_code_key UNIQUE (tenant_id, user_code_sha256),
    CONSTRAINT device_codes_state CHECK (state IN ('pending', 'approved', 'denied', 'consumed')),
    CONSTRAINT device_codes_client_fkey FOREIGN KEY (tenant_id, client_uid) REFERENCES oauth_clients ON DELETE CASCADE,
    CONSTRAINT device_codes_grant_fkey FOREIGN KEY (tenant_id, grant_id) REFERENCES grants ON DELETE CASCADE
);

-- Client assertions that were presented (RFC 7523 §3): each once.
CREATE TABLE client_assertions (
    tenant_id  uuid        NOT NULL,
    sha256     bytea       NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT client_assertions_pkey PRIMARY KEY (tenant_id, sha256),
    CONSTRAINT client_assertions_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants ON DELETE CASCADE
);
CREATE INDEX client_assertions_expires ON client_assertions (tenant_id, expires_at);

-- Failed attempts of whatever can be guessed, by a hash of who tries what.
CREATE TABLE attempts (
    tenant_id     uuid        NOT NULL,
    sha256        bytea       NOT NULL,
    failures      int         NOT NULL,
    blocked_until timestamptz,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT attempts_pkey PRIMARY KEY (tenant_id, sha256),
    CONSTRAINT attempts_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants ON DELETE CASCADE
);
CREATE INDEX attempts_updated ON attempts (tenant_id, updated_at);

CREATE TABLE revocations (
    tenant_id    uuid        NOT NULL,
    sequence     bigint      NOT NULL,
    kind         text        NOT NULL,
    id_sha256    bytea       NOT NULL,
    issued_until timestamptz,
    actor        text        NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    CONSTRAINT revocations_pkey PRIMARY KEY (tenant_id, sequence),
    CONSTRAINT revocations_sequence_key UNIQUE (sequence),
    CONSTRAINT revocations_id CHECK (length(id_sha256) = 16),
    CONSTRAINT revocations_kind
        CHECK (kind IN ('token', 'grant', 'key', 'user', 'client', 'tenant', 'signing_key'))
);
CREATE INDEX revocations_thing ON revocations (tenant_id, id_sha256);
CREATE INDEX revocations_expires ON revocations (expires_at);
COMMENT ON TABLE revocations IS 'dense by sequence; a tenant''s stay when it is deleted, so there is no foreign key';
COMMENT ON COLUMN revocations.issued_until IS 'what was issued later is good; NULL: nothing is';

CREATE TABLE revocation_head (
    singleton boolean NOT NULL DEFAULT true,
    sequence  bigint  NOT NULL DEFAULT 0,
    base      bigint  NOT NULL DEFAULT 1,
    CONSTRAINT revocation_head_pkey PRIMARY KEY (singleton),
    CONSTRAINT revocation_head_is_one CHECK (singleton)
);
INSERT INTO revocation_head DEFAULT VALUES;
COMMENT ON TABLE revocation_head IS 'one row, locked before the revision row and last of all else; every revocation numbered below base has expired and is gone';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'signing_keys', 'identity_providers', 'users', 'identities', 'oauth_clients', 'grants',
        'spent_refresh_tokens', 'authorization_codes', 'login_transactions', 'browser_sessions',
        'device_codes', 'client_assertions', 'attempts', 'revocations'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY scope ON %I TO aldgate_app
                USING (tenant_id = aldgate_tenant() OR aldgate_platform())
                WITH CHECK (tenant_id = aldgate_tenant() OR aldgate_platform())', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO aldgate_app', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['signing_keys', 'revocations', 'revocation_head'] LOOP
        EXECUTE format('CREATE POLICY feed ON %I FOR SELECT TO aldgate_feed USING (true)', name);
        EXECUTE format('GRANT SELECT ON %I TO aldgate_feed', name);
    END LOOP;
END $$;
ALTER TABLE revocation_head ENABLE ROW LEVEL SECURITY;
ALTER TABLE revocation_head FORCE ROW LEVEL SECURITY;
CREATE POLICY counter ON revocation_head TO aldgate_app USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE ON revocation_head TO aldgate_app;
