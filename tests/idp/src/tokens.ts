// The peer of the benchmark of refresh grants: oidc-provider with everything in memory, which issues what
// a controller issues (ES256 access tokens, a new refresh token with each) to a public client. Its issuer
// and the first refresh token of each grant are printed as a JSON line once it listens.
//
// usage: tokens.ts GRANTS

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const grants = Number(process.argv[2]);

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = { ...privateKey.export({ format: 'jwk' }), kid: 'bench', alg: 'ES256', use: 'sig' };

type Payload = Record<string, unknown>;

// As the package's own, but it forgets no grant, however many tokens come after it. Spent refresh tokens
// are forgotten in the order in which they were made.
class Memory {
    static readonly all = new Map<string, Map<string, Payload>>();
    readonly rows: Map<string, Payload>;
    readonly most: number;

    constructor(model: string) {
        this.rows = Memory.all.get(model) ?? new Map();
        Memory.all.set(model, this.rows);
        this.most = model === 'Grant' ? Infinity : 50_000;
    }

    async upsert(id: string, payload: Payload) {
        this.rows.set(id, payload);
        const [oldest] = this.rows.keys();
        if (this.rows.size > this.most && oldest !== undefined) {
            this.rows.delete(oldest);
        }
    }

    async find(id: string) {
        return this.rows.get(id);
    }

    async consume(id: string) {
        const row = this.rows.get(id);
        if (row !== undefined) {
            row.consumed = Math.floor(Date.now() / 1000);
        }
    }

    async destroy(id: string) {
        this.rows.delete(id);
    }

    async revokeByGrantId() {}
}

const server = createServer();
server.listen(0, '127.0.0.1', async () => {
    const address = server.address();
    if (address === null || typeof address === 'string') {
        throw new Error('it listens at no port');
    }
    const issuer = `http://127.0.0.1:${address.port}`;
    const resource = `${issuer}/mcp`;
    const provider = new Provider(issuer, {
        adapter: Memory,
        clients: [
            {
                client_id: 'app',
                token_endpoint_auth_method: 'none',
                id_token_signed_response_alg: 'ES256',
                redirect_uris: ['http://127.0.0.1/cb'],
                application_type: 'native',
                grant_types: ['authorization_code', 'refresh_token'],
                response_types: ['code'],
            },
        ],
        jwks: { keys: [key] },
        scopes: ['openid', 'offline_access', 'mcp'],
        rotateRefreshToken: true,
        findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
        features: {
            devInteractions: { enabled: false },
            resourceIndicators: {
                enabled: true,
                defaultResource: () => resource,
                useGrantedResource: () => true,
                getResourceServerInfo: () => ({
                    scope: 'mcp',
                    audience: resource,
                    accessTokenFormat: 'jwt',
                    accessTokenTTL: 3600,
                    jwt: { sign: { alg: 'ES256' } },
                }),
            },
        },
    });
    const client = await provider.Client.find('app');
    const refresh: string[] = [];
    for (let number = 0; number < grants; number += 1) {
        const accountId = `user-${number}`;
        const grant = new provider.Grant({ accountId, clientId: client.clientId });
        grant.addOIDCScope('openid offline_access');
        grant.addResourceScope(resource, 'mcp');
        const grantId = await grant.save();
        const token = new provider.RefreshToken({
            client,
            accountId,
            grantId,
            gty: 'authorization_code',
            scope: 'offline_access mcp',
            resource,
            rotations: 0,
        });
        refresh.push(await token.save());
    }
    server.on('request', provider.callback());
    console.log(JSON.stringify({ issuer, refresh }));
});
