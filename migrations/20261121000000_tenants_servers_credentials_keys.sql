-- The first schema: what the main job needs. A tenant registers MCP servers, their credentials are
-- stored sealed, clients hold API keys, and every change is one numbered revision with audit records.

-- Roles are cluster-wide, so another database of the same cluster may have made them already, or
-- whoever set this one up, with a right that the owner may lack.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['aldgate_app', 'aldgate_feed'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
    END LOOP;
END $$;

-- Whose rows this transaction wants. A setting that was set locally reads as '' afterwards.
CREATE FUNCTION aldgate_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('aldgate.tenant', true), '')::uuid;

CREATE FUNCTION aldgate_platform() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(current_setting('aldgate.platform', true), '') = 'on';

-- The installation itself: one row.
CREATE TABLE deployment (
    singleton  boolean     NOT NULL DEFAULT true,
    id         uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT deployment_pkey PRIMARY KEY (singleton),
    CONSTRAINT deployment_is_one CHECK (singleton)
);

-- A known text sealed under each key-encryption key ever used: a wrong key is noticed at boot.
CREATE TABLE kek_canaries (
    kek_id     text        NOT NULL,
    sealed     bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT kek_canaries_pkey PRIMARY KEY (kek_id)
);

-- The revision row: updated last in every config transaction, so that revisions are dense and a
-- reader that sees N sees all of 1..N.
CREATE TABLE config_head (
    singleton         boolean NOT NULL DEFAULT true,
    epoch             bigint  NOT NULL,
    revision          bigint  NOT NULL,
    system_identifier bigint  NOT NULL,
    timeline          integer NOT NULL,
    CONSTRAINT config_head_pkey PRIMARY KEY (singleton),
    CONSTRAINT config_head_is_one CHECK (singleton)
);

-- Which resources each revision changed. `tenant_id` has no foreign key: entries outlive tenants.
CREATE TABLE change_log (
    epoch       bigint      NOT NULL,
    revision    bigint      NOT NULL,
    ordinal     integer     NOT NULL,
    kind        text        NOT NULL,
    tenant_id   uuid        NOT NULL,
    resource_id uuid        NOT NULL,
    op          text        NOT NULL,
    resource    text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT change_log_pkey PRIMARY KEY (epoch, revision, ordinal),
    CONSTRAINT change_log_kind CHECK (kind IN ('tenant', 'server', 'key')),
    CONSTRAINT change_log_op CHECK (op IN ('upsert', 'delete'))
);

CREATE INDEX change_log_revision ON change_log (revision DESC);
COMMENT ON COLUMN change_log.resource IS 'its name at that time, made of slugs';

CREATE TABLE tenants (
    tenant_id       uuid        NOT NULL,
    slug            text        NOT NULL,
    display_name    text        NOT NULL DEFAULT '',
    allowed_origins text[]      NOT NULL DEFAULT '{}',
    revision        bigint      NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenants_pkey PRIMARY KEY (tenant_id),
    CONSTRAINT tenants_slug_key UNIQUE (slug)
);

-- An origin belongs to one tenant in the whole installation.
CREATE TABLE tenant_origins (
    tenant_id  uuid        NOT NULL,
    position   integer     NOT NULL,
    origin     text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenant_origins_pkey PRIMARY KEY (tenant_id, position),
    CONSTRAINT tenant_origins_origin_key UNIQUE (origin),
    CONSTRAINT tenant_origins_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants ON DELETE CASCADE
);
COMMENT ON COLUMN tenant_origins.position IS '0 is the canonical origin, the others are aliases in their order';

-- A tenant's data keys, wrapped by the key-encryption key.
CREATE TABLE tenant_keys (
    tenant_id  uuid        NOT NULL,
    key_id     uuid        NOT NULL,
    version    integer     NOT NULL,
    kek_id     text        NOT NULL,
    wrapped    bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenant_keys_pkey PRIMARY KEY (tenant_id, key_id, version),
    CONSTRAINT tenant_keys_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants ON DELETE CASCADE
);

CREATE TABLE servers (
    tenant_id         uuid        NOT NULL,
    server_id         uuid        NOT NULL,
    slug              text        NOT NULL,
    display_name      text        NOT NULL DEFAULT '',
    description       text        NOT NULL DEFAULT '',
    url               text        NOT NULL,
    origin            text        NOT NULL,
    timeout_ms        bigint,
    tool_list         text,
    auth_scheme       text        NOT NULL DEFAULT 'none',
    auth_header       text        NOT NULL DEFAULT '',
    auth_generation   bigint      NOT NULL DEFAULT 0,
    auth_detached     boolean     NOT NULL DEFAULT false,
    auth_fingerprint  text        NOT NULL DEFAULT '',
    auth_updated_at   timestamptz,
    revision          bigint      NOT NULL DEFAULT 0,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT servers_pkey PRIMARY KEY (tenant_id, server_id),
    CONSTRAINT servers_slug_key UNIQUE (tenant_id, slug),
    CONSTRAINT servers_timeout CHECK (timeout_ms BETWEEN 1000 AND 3600000),
    CONSTRAINT servers_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants ON DELETE CASCADE
);
-- Not led by the tenant: a tenant's origin is looked up among all tenants' servers.
CREATE INDEX servers_origin ON servers (origin);
COMMENT ON COLUMN servers.origin IS 'of its url, always with the port; no tenant may have it';

-- The sealed value of a server's credential; no row when there is none.
CREATE TABLE credentials (
    tenant_id  uuid        NOT NULL,
    server_id  uuid        NOT NULL,
    generation bigint      NOT NULL,
    origin     text        NOT NULL,
    sealed     bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT credentials_pkey PRIMARY KEY (tenant_id, server_id),
    CONSTRAINT credentials_server_fkey FOREIGN KEY (tenant_id, server_id) REFERENCES servers ON DELETE CASCADE
);
COMMENT ON COLUMN credentials.origin IS 'the only origin it may be sent to; part of what the seal binds';

CREATE TABLE api_keys (
    tenant_id    uuid        NOT NULL,
    key_id       uuid        NOT NULL,
    slug         text        NOT NULL,
    display_name text        NOT NULL DEFAULT '',
    sha256       bytea       NOT NULL,
    all_servers  boolean     NOT NULL,
    disabled     boolean     NOT NULL DEFAULT false,
    expires_at   timestamptz,
    revision     bigint      NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT api_keys_pkey PRIMARY KEY (tenant_id, key_id),
    CONSTRAINT api_keys_slug_key UNIQUE (tenant_id, slug),
    CONSTRAINT api_keys_sha256 CHECK (length(sha256) = 32),
    CONSTRAINT api_keys_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants ON DELETE CASCADE
);

-- Which servers a restricted key opens.
CREATE TABLE api_key_servers (
    tenant_id  uuid        NOT NULL,
    key_id     uuid        NOT NULL,
    server_id  uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT api_key_servers_pkey PRIMARY KEY (tenant_id, key_id, server_id),
    CONSTRAINT api_key_servers_key_fkey FOREIGN KEY (tenant_id, key_id) REFERENCES api_keys ON DELETE CASCADE,
    CONSTRAINT api_key_servers_server_fkey FOREIGN KEY (tenant_id, server_id) REFERENCES servers ON DELETE CASCADE
);
CREATE INDEX api_key_servers_server ON api_key_servers (tenant_id, server_id);

-- Tokens of the admin API. Looked up by hash before anything is known of the caller, so they are
-- platform rows; `confined_to` names the tenant of a tenant token.
CREATE TABLE admin_tokens (
    token_id     uuid        NOT NULL,
    confined_to  uuid,
    display_name text        NOT NULL DEFAULT '',
    role         text        NOT NULL,
    sha256       bytea       NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT admin_tokens_pkey PRIMARY KEY (token_id),
    CONSTRAINT admin_tokens_sha256_key UNIQUE (sha256),
    CONSTRAINT admin_tokens_sha256 CHECK (length(sha256) = 32),
    CONSTRAINT admin_tokens_role CHECK (role IN ('admin', 'viewer')),
    CONSTRAINT admin_tokens_tenant_fkey FOREIGN KEY (confined_to) REFERENCES tenants ON DELETE CASCADE
);

-- Who did what. `tenant_id` is the zero uuid for what concerns no tenant, and has no foreign key:
-- records outlive tenants. Nobody but the owner can change or remove one.
CREATE TABLE audit_records (
    tenant_id     uuid        NOT NULL,
    record_id     uuid        NOT NULL,
    time          timestamptz NOT NULL DEFAULT now(),
    actor         text        NOT NULL,
    token_id      uuid,
    request_id    uuid        NOT NULL,
    peer          text        NOT NULL,
    action        text        NOT NULL,
    resource      text        NOT NULL,
    before_digest bytea,
    after_digest  bytea,
    revision      bigint,
    canonical     bytea       NOT NULL,
    CONSTRAINT audit_records_pkey PRIMARY KEY (tenant_id, record_id)
);
CREATE INDEX audit_records_revision ON audit_records (revision DESC) WHERE revision IS NOT NULL;
COMMENT ON COLUMN audit_records.canonical IS 'the record itself as JSON with sorted keys, in the bytes that digests are made of';

-- Gateway nodes as controllers last saw them. Not config: changes make no revision.
CREATE TABLE nodes (
    node_id          text        NOT NULL,
    pool             text        NOT NULL,
    version          text        NOT NULL,
    applied_epoch    bigint      NOT NULL,
    applied_revision bigint      NOT NULL,
    rejects          jsonb       NOT NULL DEFAULT '[]',
    connected_at     timestamptz NOT NULL,
    seen_at          timestamptz NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT nodes_pkey PRIMARY KEY (node_id)
);

-- Row-level security, everywhere, also for the owner.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'deployment', 'kek_canaries', 'config_head', 'change_log', 'tenants', 'tenant_origins',
        'tenant_keys', 'servers', 'credentials', 'api_keys', 'api_key_servers', 'admin_tokens',
        'audit_records', 'nodes'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    END LOOP;
    -- A tenant's rows: within its scope, or the platform's.
    FOREACH name IN ARRAY ARRAY[
        'tenants', 'tenant_origins', 'tenant_keys', 'servers', 'credentials', 'api_keys',
        'api_key_servers', 'audit_records'
    ] LOOP
        EXECUTE format(
            'CREATE POLICY scope ON %I TO aldgate_app
                USING (tenant_id = aldgate_tenant() OR aldgate_platform())
                WITH CHECK (tenant_id = aldgate_tenant() OR aldgate_platform())', name);
    END LOOP;
    -- The installation's rows.
    FOREACH name IN ARRAY ARRAY['deployment', 'kek_canaries', 'admin_tokens', 'nodes'] LOOP
        EXECUTE format(
            'CREATE POLICY platform ON %I TO aldgate_app
                USING (aldgate_platform()) WITH CHECK (aldgate_platform())', name);
    END LOOP;
    -- What the config stream and leases are made of.
    FOREACH name IN ARRAY ARRAY[
        'config_head', 'change_log', 'tenants', 'tenant_origins', 'tenant_keys', 'servers',
        'credentials', 'api_keys', 'api_key_servers'
    ] LOOP
        EXECUTE format('CREATE POLICY feed ON %I FOR SELECT TO aldgate_feed USING (true)', name);
        EXECUTE format('GRANT SELECT ON %I TO aldgate_feed', name);
    END LOOP;
END $$;

-- Every writer numbers its change, whatever its scope.
CREATE POLICY every_writer ON config_head TO aldgate_app USING (true) WITH CHECK (true);
-- A tenant's writer may log its own tenant's changes; only the platform reads the log.
CREATE POLICY scope ON change_log TO aldgate_app
    USING (aldgate_platform())
    WITH CHECK (tenant_id = aldgate_tenant() OR aldgate_platform());

GRANT SELECT, INSERT, UPDATE ON deployment, config_head TO aldgate_app;
GRANT SELECT, INSERT ON kek_canaries, change_log, audit_records TO aldgate_app;
GRANT SELECT, INSERT, UPDATE, DELETE
    ON tenants, tenant_origins, tenant_keys, servers, credentials, api_keys, api_key_servers, admin_tokens, nodes
    TO aldgate_app;
