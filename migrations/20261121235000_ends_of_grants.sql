-- The sweep looks for grants that are over, in all tenants, every minute; and what hangs on a grant or
-- a client is found when that goes.

CREATE INDEX grants_over ON grants (least(revoked_at, idle_expires_at, expires_at));
CREATE INDEX authorization_codes_grant ON authorization_codes (tenant_id, grant_id);
CREATE INDEX authorization_codes_swept ON authorization_codes (created_at);
CREATE INDEX device_codes_grant ON device_codes (tenant_id, grant_id);
CREATE INDEX device_codes_client ON device_codes (tenant_id, client_uid);
