-- Who may call what: authenticators, static tokens, scopes of keys, policies, limits.

ALTER TABLE tenants
    ADD COLUMN authenticators jsonb,
    ADD COLUMN limits jsonb;
COMMENT ON COLUMN tenants.authenticators IS 'aldgate.access.v1.Authenticators as proto JSON, without secrets; NULL means by API key alone';
COMMENT ON COLUMN tenants.limits IS 'aldgate.access.v1.RateLimits as proto JSON; NULL means the defaults of the installation';

ALTER TABLE servers
    ADD COLUMN authenticators jsonb,
    ADD COLUMN egress_mode text NOT NULL DEFAULT 'shared',
    ADD COLUMN lease_generation bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT servers_egress_mode CHECK (egress_mode IN ('shared', 'passthrough', 'none'));
UPDATE servers SET lease_generation = auth_generation;
COMMENT ON COLUMN servers.lease_generation IS 'grows with every change of what calls carry: the credential, and the headers of static tokens';

ALTER TABLE api_keys
    ADD COLUMN scopes text[] NOT NULL DEFAULT '{}',
    ADD COLUMN is_primary boolean NOT NULL DEFAULT false,
    ADD COLUMN previous_sha256 bytea,
    ADD COLUMN previous_expires_at timestamptz,
    ADD CONSTRAINT api_keys_previous_sha256 CHECK (length(previous_sha256) = 32),
    ADD CONSTRAINT api_keys_previous CHECK ((previous_sha256 IS NULL) = (previous_expires_at IS NULL));

CREATE TABLE static_tokens (
    tenant_id         uuid        NOT NULL,
    static_token_id   uuid        NOT NULL,
    server_id         uuid        NOT NULL,
    slug              text        NOT NULL,
    display_name      text        NOT NULL DEFAULT '',
    type              text        NOT NULL,
    pepper_id         text        NOT NULL,
    verifier          bytea       NOT NULL,
    subject           text        NOT NULL DEFAULT '',
    roles             text[]      NOT NULL DEFAULT '{}',
    passthrough       boolean     NOT NULL DEFAULT false,
    disabled          boolean     NOT NULL DEFAULT false,
    headers           jsonb       NOT NULL DEFAULT '[]',
    headers_origin    text        NOT NULL DEFAULT '',
    headers_generation bigint     NOT NULL DEFAULT 0,
    headers_sealed    bytea,
    expires_at        timestamptz,
    revision          bigint      NOT NULL DEFAULT 0,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT static_tokens_pkey PRIMARY KEY (tenant_id, static_token_id),
    CONSTRAINT static_tokens_slug_key UNIQUE (tenant_id, slug),
    CONSTRAINT static_tokens_verifier_key UNIQUE (tenant_id, server_id, type, verifier),
    CONSTRAINT static_tokens_verifier CHECK (length(verifier) = 32),
    CONSTRAINT static_tokens_type CHECK (type IN ('bearer', 'api_key', 'x_api_key', 'basic')),
    CONSTRAINT static_tokens_server_fkey FOREIGN KEY (tenant_id, server_id) REFERENCES servers ON DELETE CASCADE
);
CREATE INDEX static_tokens_server ON static_tokens (tenant_id, server_id);
COMMENT ON COLUMN static_tokens.headers IS 'names and switches; the values are sealed';
COMMENT ON COLUMN static_tokens.headers_origin IS 'the only origin they may be sent to; part of what the seal binds';

CREATE TABLE policies (
    tenant_id  uuid        NOT NULL,
    body       jsonb       NOT NULL,
    revision   bigint      NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT policies_pkey PRIMARY KEY (tenant_id),
    CONSTRAINT policies_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants ON DELETE CASCADE
);
COMMENT ON COLUMN policies.body IS 'aldgate.access.v1.Policy as proto JSON';

-- Shared secrets of JWT issuers; the authenticators name them.
CREATE TABLE jwt_secrets (
    tenant_id  uuid        NOT NULL,
    secret_id  uuid        NOT NULL,
    sealed     bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT jwt_secrets_pkey PRIMARY KEY (tenant_id, secret_id),
    CONSTRAINT jwt_secrets_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants ON DELETE CASCADE
);

-- What holds for tenants that say nothing else: one row.
CREATE TABLE defaults (
    singleton  boolean     NOT NULL DEFAULT true,
    limits     jsonb       NOT NULL DEFAULT '{}',
    revision   bigint      NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT defaults_pkey PRIMARY KEY (singleton),
    CONSTRAINT defaults_is_one CHECK (singleton)
);

ALTER TABLE change_log
    DROP CONSTRAINT change_log_kind,
    ADD CONSTRAINT change_log_kind
        CHECK (kind IN ('tenant', 'server', 'key', 'static_token', 'policy', 'defaults'));
COMMENT ON COLUMN change_log.tenant_id IS 'the zero uuid for what concerns all tenants';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['static_tokens', 'policies', 'jwt_secrets', 'defaults'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY feed ON %I FOR SELECT TO aldgate_feed USING (true)', name);
        EXECUTE format('GRANT SELECT ON %I TO aldgate_feed', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['static_tokens', 'policies', 'jwt_secrets'] LOOP
        EXECUTE format(
            'CREATE POLICY scope ON %I TO aldgate_app
                USING (tenant_id = aldgate_tenant() OR aldgate_platform())
                WITH CHECK (tenant_id = aldgate_tenant() OR aldgate_platform())', name);
    END LOOP;
END $$;
-- Every tenant may know what holds for it; only the platform changes it.
CREATE POLICY readable ON defaults FOR SELECT TO aldgate_app USING (true);
CREATE POLICY platform ON defaults TO aldgate_app
    USING (aldgate_platform()) WITH CHECK (aldgate_platform());

GRANT SELECT, INSERT, UPDATE, DELETE ON static_tokens, policies, jwt_secrets TO aldgate_app;
GRANT SELECT, INSERT, UPDATE ON defaults TO aldgate_app;
