// The official TypeScript client, from an MCP URL and nothing else: it finds the authorization server,
// registers, sends a person to it, and calls tools. What it was given is kept in a file, so that a later
// run goes on with it. Prints what it saw as JSON lines.
//
// usage: oauth.ts legacy|modern|auto FILE URL…      BROWSER: a program that opens a URL for a person

import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import {
    Client,
    StreamableHTTPClientTransport,
    UnauthorizedError,
    type OAuthClientInformationMixed,
    type OAuthClientProvider,
    type OAuthTokens,
} from '@modelcontextprotocol/client';

const [mode, file, ...urls] = process.argv.slice(2);

function say(event: string, detail: Record<string, unknown>): void {
    console.log(JSON.stringify({ event, ...detail }));
}

interface Kept {
    client?: OAuthClientInformationMixed;
    tokens?: OAuthTokens;
    verifier?: string;
    redirect?: string;
}

function kept(): Kept {
    try {
        return JSON.parse(readFileSync(file!, 'utf8')) as Kept;
    } catch {
        return {};
    }
}

function keep(more: Kept): void {
    writeFileSync(file!, JSON.stringify({ ...kept(), ...more }), { mode: 0o600 });
}

/** Where the browser comes back. */
const callbacks: URLSearchParams[] = [];
let arrived: (() => void) | undefined;
const server = createServer((request, response) => {
    callbacks.push(new URL(request.url!, 'http://localhost').searchParams);
    response.end('You may close this window.');
    arrived?.();
});
await new Promise<void>(ready => server.listen(0, '127.0.0.1', ready));
const redirect = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`;

async function comeBack(): Promise<URLSearchParams> {
    if (callbacks.length === 0) {
        await new Promise<void>(resolve => (arrived = resolve));
    }
    return callbacks.shift()!;
}

const provider: OAuthClientProvider = {
    get redirectUrl() {
        return redirect;
    },
    get clientMetadata() {
        return {
            client_name: 'Aldgate tests',
            redirect_uris: [redirect],
            grant_types: ['authorization_code', 'refresh_token'],
            response_types: ['code'],
            token_endpoint_auth_method: 'none',
        };
    },
    state: () => 'state+with/odd=characters',
    clientInformation: () => kept().client,
    saveClientInformation: client => {
        say('registered', { id: client.client_id });
        keep({ client });
    },
    tokens: () => kept().tokens,
    saveTokens: tokens => {
        say('tokens', { refresh: tokens.refresh_token !== undefined, scope: tokens.scope ?? null });
        keep({ tokens });
    },
    redirectToAuthorization: url => {
        say('authorize', { url: url.origin + url.pathname });
        spawn(process.env.BROWSER!, [url.href], { stdio: 'ignore', detached: true }).unref();
    },
    saveCodeVerifier: verifier => keep({ verifier }),
    codeVerifier: () => kept().verifier!,
};

function client(): Client {
    const negotiation = mode === 'modern' ? { pin: '2026-07-28' } : mode === 'auto' ? 'auto' : 'legacy';
    return new Client({ name: 'aldgate-tests', version: '1.0.0' }, { versionNegotiation: { mode: negotiation } });
}

async function connected(url: string): Promise<Client> {
    const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
    const one = client();
    try {
        await one.connect(transport);
        return one;
    } catch (error) {
        if (!(error instanceof UnauthorizedError)) {
            throw error;
        }
    }
    await transport.finishAuth(await comeBack());
    const again = client();
    await again.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider: provider }));
    return again;
}

for (const url of urls) {
    const one = await connected(url);
    say('connected', { url, version: one.getNegotiatedProtocolVersion() });
    const { tools } = await one.listTools();
    say('tools', { url, names: tools.map(tool => tool.name).sort() });
    const began = performance.now();
    const result = await one.callTool({ name: 'add', arguments: { a: 19, b: 23 } });
    const [block] = result.content as { type: string; text?: string }[];
    say('call', {
        url,
        tool: 'add',
        text: block?.text,
        error: result.isError ?? false,
        after_ms: Math.round(performance.now() - began),
    });
    await one.close();
}
server.close();
