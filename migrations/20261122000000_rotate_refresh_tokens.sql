-- Clients refresh all day long, and most of what a refresh costs is the way to the database and back.
-- So what is always the same about it is here, and takes one round trip.

-- Everything that counts about users for what they may do.
CREATE VIEW user_rights WITH (security_invoker = true) AS
SELECT u.tenant_id,
       u.user_id,
       u.login,
       u.display_name,
       u.admin_role,
       u.disabled,
       ARRAY(SELECT unnest(u.roles) UNION
             SELECT unnest(i.roles) FROM identities i
             WHERE i.tenant_id = u.tenant_id AND i.user_id = u.user_id
             ORDER BY 1) AS roles,
       ARRAY(SELECT unnest(u.groups) UNION
             SELECT unnest(i.groups) FROM identities i
             WHERE i.tenant_id = u.tenant_id AND i.user_id = u.user_id
             ORDER BY 1) AS groups
FROM users u;
GRANT SELECT ON user_rights TO aldgate_app;

-- Makes a token of this hash the current one of a locked grant; what was before moves down. How many
-- older ones are known again is bounded.
CREATE FUNCTION rotate_family(
    of_tenant uuid, of_grant uuid, successor bytea, tx_time timestamptz, idle_until timestamptz
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    number bigint;
BEGIN
    INSERT INTO spent_refresh_tokens (tenant_id, sha256, grant_id, created_at)
    SELECT g.tenant_id, g.previous_sha256, g.grant_id, tx_time
    FROM grants g
    WHERE g.tenant_id = of_tenant AND g.grant_id = of_grant AND g.previous_sha256 IS NOT NULL
    ON CONFLICT DO NOTHING;

    UPDATE grants g
    SET generation = g.generation + 1,
        previous_sha256 = g.current_sha256,
        current_sha256 = successor,
        rotated_at = clock_timestamp(),
        current_used_at = NULL,
        last_used_at = tx_time,
        idle_expires_at = idle_until
    WHERE g.tenant_id = of_tenant AND g.grant_id = of_grant
    RETURNING g.generation INTO number;

    IF number % 16 = 0 THEN
        DELETE FROM spent_refresh_tokens s
        WHERE s.tenant_id = of_tenant AND s.grant_id = of_grant AND s.created_at < (
            SELECT newer.created_at FROM spent_refresh_tokens newer
            WHERE newer.tenant_id = of_tenant AND newer.grant_id = of_grant
            ORDER BY newer.created_at DESC OFFSET 64 LIMIT 1);
    END IF;
    RETURN number;
END $$;

-- Rotates a refresh token if it is the current one of a live grant and if tenant, keys and client are
-- still what the caller takes them for. Otherwise it changes nothing and returns no row, and the caller
-- goes the long way. Locks are taken in the order that controllers keep to, `turn` being the first of
-- them; what the token is made of is read after them, each time by a statement of its own, so that no
-- change is missed which came before; the moment is read last.
CREATE FUNCTION rotate_as_expected(
    turn integer,
    of_tenant uuid, tenant_revision bigint, tenant_updated_at timestamptz,
    tenant_key uuid, tenant_key_version integer, signing_key text,
    of_client uuid, client_etag bigint, client_updated_at timestamptz,
    presented bytea, successor bytea, wanted text[], tx_time timestamptz, idle interval
) RETURNS TABLE (
    grant_id uuid, user_id uuid, resources text[], scopes text[], expires_at timestamptz,
    login text, display_name text, admin_role text, disabled boolean, roles text[], groups text[],
    moment timestamptz
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    owner uuid;
    family grants%ROWTYPE;
    rights user_rights%ROWTYPE;
    noted timestamptz;
BEGIN
    PERFORM set_config('aldgate.tenant', of_tenant::text, true),
            set_config('aldgate.platform', '', true);

    PERFORM pg_advisory_xact_lock_shared(turn, hashtext(of_tenant::text));
    SELECT g.user_id INTO owner FROM grants g
    WHERE g.tenant_id = of_tenant AND g.current_sha256 = presented;
    IF NOT FOUND THEN RETURN; END IF;
    PERFORM FROM users u WHERE u.tenant_id = of_tenant AND u.user_id = owner FOR SHARE;
    SELECT * INTO family FROM grants g
    WHERE g.tenant_id = of_tenant AND g.current_sha256 = presented FOR UPDATE;
    IF NOT FOUND THEN RETURN; END IF;

    IF family.user_id <> owner
        OR family.client_uid <> of_client
        OR family.revoked_at IS NOT NULL
        OR least(family.idle_expires_at, family.expires_at) <= tx_time
        OR NOT wanted <@ family.resources
    THEN RETURN; END IF;

    SELECT * INTO rights FROM user_rights r
    WHERE r.tenant_id = of_tenant AND r.user_id = owner;
    IF NOT FOUND OR rights.disabled THEN RETURN; END IF;
    -- What may be more than a token can hold is refused before anything is rotated.
    IF octet_length(array_to_string(
        rights.roles || rights.groups || family.scopes || family.resources, ' ')) > 3000
    THEN RETURN; END IF;

    PERFORM FROM tenants t
    WHERE t.tenant_id = of_tenant AND t.revision = tenant_revision
        AND t.updated_at = tenant_updated_at;
    IF NOT FOUND THEN RETURN; END IF;

    PERFORM FROM tenant_keys k
    WHERE k.tenant_id = of_tenant AND k.key_id = tenant_key AND k.version = tenant_key_version
        AND NOT EXISTS (
            SELECT FROM tenant_keys newer
            WHERE newer.tenant_id = of_tenant AND newer.version > tenant_key_version);
    IF NOT FOUND THEN RETURN; END IF;

    IF signing_key IS DISTINCT FROM (
        SELECT k.kid FROM signing_keys k
        WHERE k.tenant_id = of_tenant AND NOT k.revoked AND k.sealed IS NOT NULL
            AND k.active_at <= tx_time AND (k.retire_at IS NULL OR k.retire_at > tx_time)
        ORDER BY k.active_at DESC LIMIT 1
    ) THEN RETURN; END IF;

    SELECT c.last_used_at INTO noted FROM oauth_clients c
    WHERE c.tenant_id = of_tenant AND c.client_uid = of_client
        AND c.etag = client_etag AND c.updated_at = client_updated_at;
    IF NOT FOUND THEN RETURN; END IF;

    PERFORM rotate_family(
        of_tenant, family.grant_id, successor, tx_time,
        least(tx_time + idle, family.expires_at));

    IF noted IS NULL OR noted <= tx_time - interval '1 minute' THEN
        -- Merely noted, so it waits for nobody.
        UPDATE oauth_clients c SET last_used_at = tx_time
        WHERE c.tenant_id = of_tenant AND c.client_uid = (
            SELECT own.client_uid FROM oauth_clients own
            WHERE own.tenant_id = of_tenant AND own.client_uid = of_client
            FOR NO KEY UPDATE SKIP LOCKED);
    END IF;

    RETURN QUERY SELECT
        family.grant_id, family.user_id, family.resources, family.scopes, family.expires_at,
        rights.login, rights.display_name, rights.admin_role, rights.disabled, rights.roles, rights.groups,
        clock_timestamp();
END $$;

COMMENT ON COLUMN grants.generation IS 'how many refresh tokens it had; each follows from the one before and the tenant key, and the rows hold hashes alone';
