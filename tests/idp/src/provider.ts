// An independent OpenID provider at which the tests' users sign in: anybody may, and is called what they
// type. Its keys are new at every start. Its address is printed as a JSON line once it listens.
//
// usage: provider.ts PORT REDIRECT_URI     PORT 0 means any; the client is `aldgate`, its secret is
//                                          CLIENT_SECRET; GROUPS are everybody's, with commas between

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider, type Account } from 'oidc-provider';

const [port, redirectUri] = process.argv.slice(2);
const { CLIENT_SECRET = '', GROUPS = '' } = process.env;

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), alg: 'RS256', use: 'sig' };

const server = createServer();
server.listen(Number(port), '127.0.0.1', () => {
    const address = server.address();
    if (address === null || typeof address === 'string') {
        throw new Error('it listens at no port');
    }
    const issuer = `http://127.0.0.1:${address.port}`;
    const provider = new Provider(issuer, {
        clients: [
            {
                client_id: 'aldgate',
                client_secret: CLIENT_SECRET,
                redirect_uris: [redirectUri],
                grant_types: ['authorization_code'],
                response_types: ['code'],
                // Plain http is for tests.
                application_type: 'web',
            },
        ],
        jwks: { keys: [key] },
        cookies: { keys: [randomUUID()] },
        claims: {
            openid: ['sub'],
            profile: ['name'],
            email: ['email', 'email_verified'],
            groups: ['groups'],
        },
        conformIdTokenClaims: false,
        pkce: { required: () => true },
        features: { devInteractions: { enabled: true } },
        findAccount: (_: unknown, id: string): Account => ({
            accountId: id,
            claims: () => ({
                sub: id,
                name: `${id} of the provider`,
                email: `${id}@acme.test`,
                email_verified: true,
                groups: GROUPS.split(',').filter(group => group !== ''),
            }),
        }),
    });
    server.on('request', provider.callback());
    console.log(JSON.stringify({ issuer }));
});
