-- Clients that nobody ever allowed anything are swept after a month, of all tenants at once; the index
-- for one tenant's does not serve that.

CREATE INDEX oauth_clients_idle_since ON oauth_clients (updated_at) WHERE granted_at IS NULL AND registration <> 'manual';
