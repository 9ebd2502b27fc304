-- How many access tokens of a grant were given back one by one and could still be presented: each takes
-- room on every node until then, so beyond a few of them the grant ends instead.

ALTER TABLE grants ADD COLUMN revoked_tokens timestamptz[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN grants.revoked_tokens IS 'until when each access token that was revoked by itself is remembered; those that are over go with the next';
