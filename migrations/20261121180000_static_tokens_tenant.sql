-- Pasted tokens end with their tenant by a key of their own, as every other
-- row of a tenant does; until now they ended only through their server.
ALTER TABLE static_tokens
    ADD CONSTRAINT static_tokens_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants ON DELETE CASCADE;
