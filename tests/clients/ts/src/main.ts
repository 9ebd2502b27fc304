// The official TypeScript client against one MCP server behind several addresses in turn. Prints what
// it saw as JSON lines; a failure ends it with a message and a non-zero code.
//
// usage: main.ts legacy|modern|auto URL…      the headers are in HEADERS, as a JSON object

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const [mode, ...urls] = process.argv.slice(2);
const requestInit = { headers: JSON.parse(process.env.HEADERS ?? '{}') as Record<string, string> };

function say(event: string, detail: Record<string, unknown>): void {
    console.log(JSON.stringify({ event, ...detail }));
}

function client(): Client {
    const negotiation = mode === 'modern' ? { pin: '2026-07-28' } : mode === 'auto' ? 'auto' : 'legacy';
    return new Client({ name: 'aldgate-tests', version: '1.0.0' }, { versionNegotiation: { mode: negotiation } });
}

function transport(url: string, session: { sessionId?: string } = {}): StreamableHTTPClientTransport {
    return new StreamableHTTPClientTransport(new URL(url), { requestInit, ...session });
}

/** Lists the tools and calls each of them. */
async function tour(client: Client, url: string): Promise<void> {
    const { tools } = await client.listTools();
    say('tools', { url, names: tools.map(tool => tool.name).sort() });
    await call(client, url, 'hello', {});
    await call(client, url, 'echo', { text: 'round and round' });
    await call(client, url, 'add', { a: 19, b: 23 });
    await call(client, url, 'count', { to: 3 });
}

async function call(client: Client, url: string, name: string, args: Record<string, unknown>): Promise<void> {
    const began = performance.now();
    const since = () => Math.round(performance.now() - began);
    const onprogress = ({ progress, total }: { progress: number; total?: number }) =>
        say('progress', { url, tool: name, progress, total, after_ms: since() });
    const result = await client.callTool({ name, arguments: args }, { onprogress });
    const [block] = result.content as { type: string; text?: string }[];
    say('call', { url, tool: name, text: block?.text, error: result.isError ?? false, after_ms: since() });
}

for (const url of urls) {
    const one = client();
    await one.connect(transport(url));
    say('connected', { url, version: one.getNegotiatedProtocolVersion(), server: one.getServerVersion()?.name });
    await tour(one, url);
    await one.close();
}

if (mode === 'legacy') {
    // One session that begins behind the first address and goes on behind the others.
    const [home, ...others] = urls;
    const first = transport(home!);
    const one = client();
    await one.connect(first);
    await call(one, home!, 'echo', { text: 'first node' });
    const { sessionId } = first;
    say('session', { url: home, open: sessionId !== undefined });
    for (const url of others) {
        const again = client();
        const next = transport(url, { sessionId });
        next.setProtocolVersion(one.getNegotiatedProtocolVersion()!);
        await again.connect(next);
        await call(again, url, 'echo', { text: 'another node' });
        say('session', { url, open: next.sessionId === sessionId });
        await next.close();
    }
    await first.terminateSession();
    say('session', { url: home, open: false });
    await one.close();
}
