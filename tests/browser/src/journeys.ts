// What people do with our pages, in Chromium from the first click to the last: sign in, allow, cancel,
// connect a device, disconnect. Each page on the way is looked at (look.ts). What is not as it must be
// ends it with a message and a non-zero code; what was done is printed.
//
// usage: journeys.ts ISSUER MCP_URL PICTURES     LOGIN, PASSWORD: who signs in; CHROMIUM: the program

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { look, type Barrier } from './look.ts';

const [issuer = '', mcp = '', pictures = ''] = process.argv.slice(2);
const { LOGIN = '', PASSWORD = '', CHROMIUM = '/usr/bin/chromium' } = process.env;
const SCHEME = 'cursor://anysphere.cursor-mcp/oauth/callback';
const SITE = 'https://app.example/callback';

const barriers: Barrier[] = [];
async function see(page: Page, name: string): Promise<void> {
    barriers.push(...(await look(page, name, pictures)));
}

/** A program on this computer that waits for a browser. */
class Loopback {
    readonly seen: URL[] = [];
    private waiting: ((url: URL) => void)[] = [];
    private server = createServer((request, response) => this.answer(request, response));
    /** Where it sends browsers on to. */
    onwards?: string;

    async listen(): Promise<string> {
        await new Promise<void>(done => this.server.listen(0, '127.0.0.1', done));
        // A journey that fails does not close it, and must not keep the program from ending.
        this.server.unref();
        return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/callback`;
    }

    private answer(request: IncomingMessage, response: ServerResponse): void {
        const url = new URL(request.url ?? '/', 'http://127.0.0.1');
        if (url.pathname === '/callback') {
            assert.equal(request.headers.referer, undefined, 'no referrer reaches the client (A36)');
            this.seen.push(url);
            this.waiting.shift()?.(url);
        }
        if (this.onwards) {
            response.writeHead(302, { location: this.onwards }).end();
        } else {
            response.writeHead(200, { 'content-type': 'text/html' }).end('<title>back</title>back');
        }
    }

    next(): Promise<URL> {
        return new Promise(done => this.waiting.push(done));
    }

    close(): void {
        this.server.close();
    }
}

async function register(redirects: string[], grants = ['authorization_code', 'refresh_token']): Promise<string> {
    const response = await fetch(`${issuer}/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
            client_name: 'Claude',
            redirect_uris: redirects,
            grant_types: grants,
            token_endpoint_auth_method: 'none',
        }),
    });
    assert.equal(response.status, 201, await response.clone().text());
    return ((await response.json()) as { client_id: string }).client_id;
}

interface Asked {
    url: string;
    state: string;
}

function ask(client: string, redirect: string): Asked {
    const state = randomBytes(12).toString('base64url');
    const verifier = randomBytes(32).toString('base64url');
    const query = new URLSearchParams({
        response_type: 'code',
        client_id: client,
        redirect_uri: redirect,
        state,
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
        resource: mcp,
    });
    return { url: `${issuer}/authorize?${query}`, state };
}

async function signIn(page: Page): Promise<void> {
    await page.getByLabel('User name').fill(LOGIN);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

/** The first address that the browser asks for and that the test is for. */
function asked(page: Page, wanted: (url: string) => boolean): Promise<{ url: string; failed?: string }> {
    return new Promise(done => {
        page.on('requestfailed', request => {
            if (wanted(request.url())) {
                done({ url: request.url(), failed: request.failure()?.errorText });
            }
        });
        page.on('console', message => {
            if (message.text().includes('Content Security Policy')) {
                done({ url: '', failed: message.text() });
            }
        });
    });
}

const journeys: Record<string, (context: BrowserContext) => Promise<void>> = {
    async 'a person signs in and allows an app on this computer'(context) {
        const loopback = new Loopback();
        const redirect = await loopback.listen();
        const { url, state } = ask(await register([redirect]), redirect);
        const page = await context.newPage();
        await page.goto(url);
        await see(page, 'login');
        await page.getByLabel('User name').fill(LOGIN);
        await page.getByLabel('Password').fill('not the password');
        await button(page, 'Sign in').click();
        await page.getByRole('alert').waitFor();
        assert.equal(await page.getByLabel('User name').inputValue(), LOGIN, 'what was typed is kept');
        await see(page, 'login-wrong');
        await page.getByLabel('Password').fill(PASSWORD);
        await button(page, 'Sign in').click();
        await button(page, 'Allow').waitFor();
        await see(page, 'consent-loopback');
        const text = await page.locator('main').innerText();
        assert.match(text, /An app calling itself “Claude” wants to connect/);
        assert.match(text, /Unverified app/);
        assert.match(text, /this computer/);
        assert.ok(text.includes(LOGIN), text);
        const cancel = await button(page, 'Cancel').boundingBox();
        const allow = await button(page, 'Allow').boundingBox();
        assert.equal(cancel?.width, allow?.width, 'both buttons are of one size');
        assert.equal(cancel?.height, allow?.height, 'both buttons are of one size');

        const posted = page.waitForRequest(request => request.method() === 'POST');
        const back = loopback.next();
        await button(page, 'Allow').click();
        assert.equal((await (await posted).allHeaders())['origin'], 'null', 'what browsers send without a referrer');
        const landed = await back;
        assert.match(landed.searchParams.get('code') ?? '', /^aldc_/);
        assert.equal(landed.searchParams.get('state'), state);
        assert.equal(landed.searchParams.get('iss'), issuer);

        const cookies = await context.cookies(issuer);
        const session = cookies.find(cookie => cookie.name.startsWith('aldgate_session'));
        assert.ok(session, JSON.stringify(cookies));
        for (const cookie of cookies) {
            assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path], [true, 'Lax', '/'], cookie.name);
        }
        loopback.close();
        await page.close();
    },

    async 'a person who is signed in cancels'(context) {
        const loopback = new Loopback();
        const redirect = await loopback.listen();
        const { url, state } = ask(await register([redirect]), redirect);
        const page = await context.newPage();
        await page.goto(url);
        const back = loopback.next();
        await button(page, 'Cancel').click();
        const landed = await back;
        assert.equal(landed.searchParams.get('error'), 'access_denied');
        assert.equal(landed.searchParams.get('state'), state);
        assert.equal(landed.searchParams.get('iss'), issuer);
        assert.equal(landed.searchParams.get('code'), null);
        loopback.close();
        await page.close();
    },

    async 'another site cannot show our pages in a frame'(context) {
        const ours = ask(await register([SITE]), SITE).url;
        const site = createServer((request, response) => {
            const frames = `<iframe id="own" src="/inner"></iframe><iframe id="ours" src="${ours}"></iframe>`;
            const body = request.url === '/inner' ? '<p>framed</p>' : frames;
            response.writeHead(200, { 'content-type': 'text/html' }).end(`<title>site</title>${body}`);
        });
        await new Promise<void>(done => site.listen(0, '127.0.0.1', done));
        site.unref();
        const page = await context.newPage();
        const refusals: string[] = [];
        page.on('console', message => refusals.push(message.text()));
        await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`);
        assert.equal(await page.frameLocator('#own').locator('p').innerText(), 'framed', 'its own is shown');
        assert.equal(await page.frameLocator('#ours').locator('main, form, button').count(), 0, 'ours is not');
        assert.match(refusals.join(), /frame-ancestors/);
        // Alone, the same address shows something to click.
        await page.goto(ours);
        await button(page, 'Allow').waitFor();
        site.close();
        await page.close();
    },

    async 'a web site gets its answer'(context) {
        const page = await context.newPage();
        await page.goto(ask(await register([SITE]), SITE).url);
        await button(page, 'Allow').waitFor();
        await see(page, 'consent-site');
        assert.match(await page.locator('.host').innerText(), /app\.example/);
        const answer = asked(page, url => url.startsWith(SITE));
        await button(page, 'Allow').click({ noWaitAfter: true });
        const { url, failed } = await answer;
        // Nobody has that name; the policy of the page would have said ERR_ABORTED at our own address.
        assert.match(failed ?? '', /ERR_NAME_NOT_RESOLVED/, `${url} ${failed}`);
        assert.match(new URL(url).searchParams.get('code') ?? '', /^aldc_/);
        await page.close();
    },

    async 'an app that took a scheme gets its answer'(context) {
        const page = await context.newPage();
        await page.goto(ask(await register([SCHEME]), SCHEME).url);
        await button(page, 'Allow').waitFor();
        await see(page, 'consent-scheme');
        assert.match(await page.locator('.host').innerText(), /cursor:\/\//);
        const answer = asked(page, url => url.startsWith(SCHEME));
        await button(page, 'Allow').click({ noWaitAfter: true });
        const { url, failed } = await answer;
        assert.match(url, /[?&]code=aldc_/, failed);
        await page.close();
    },

    async 'an app sends people on to its web site'(context) {
        const loopback = new Loopback();
        loopback.onwards = 'https://app.example/welcome';
        const redirect = await loopback.listen();
        const page = await context.newPage();
        await page.goto(ask(await register([redirect]), redirect).url);
        await button(page, 'Allow').waitFor();
        const answer = asked(page, url => url.startsWith('https://app.example/welcome'));
        await button(page, 'Allow').click({ noWaitAfter: true });
        const { failed } = await answer;
        assert.match(failed ?? '', /ERR_NAME_NOT_RESOLVED/, failed);
        loopback.close();
        await page.close();
    },

    async 'a person connects a device'(context) {
        const device = 'urn:ietf:params:oauth:grant-type:device_code';
        const client = await register([], [device, 'refresh_token']);
        const begun = await fetch(`${issuer}/device_authorization`, {
            method: 'POST',
            body: new URLSearchParams({ client_id: client, resource: mcp }),
        });
        assert.equal(begun.status, 200, await begun.clone().text());
        const codes = (await begun.json()) as { user_code: string; device_code: string; verification_uri: string };
        const page = await context.newPage();
        await page.goto(codes.verification_uri);
        await see(page, 'device-entry');
        await page.getByLabel('Code').fill('BCDF-BCDF');
        await button(page, 'Continue').click();
        await page.getByRole('alert').waitFor();
        await see(page, 'device-wrong');
        await page.getByLabel('Code').fill(codes.user_code.toLowerCase());
        await button(page, 'Continue').click();
        await button(page, 'Allow').waitFor();
        await see(page, 'device-confirm');
        assert.ok((await page.locator('p.code').innerText()).includes(codes.user_code));
        await button(page, 'Allow').click();
        await page.getByRole('heading', { level: 1 }).waitFor();
        await see(page, 'device-done');
        const given = await fetch(`${issuer}/token`, {
            method: 'POST',
            body: new URLSearchParams({ grant_type: device, device_code: codes.device_code, client_id: client }),
        });
        assert.equal(given.status, 200, await given.clone().text());
        await page.close();
    },

    async 'a person sees what is connected and ends it'(context) {
        const page = await context.newPage();
        await page.goto(`${issuer}/connections`);
        const listed = page.locator('ul.connections > li');
        const before = await listed.count();
        assert.ok(before > 1, await page.locator('main').innerText());
        await see(page, 'connections');
        await page.getByRole('button', { name: 'Disconnect Claude' }).first().click();
        await page.getByRole('status').waitFor();
        assert.equal(await listed.count(), before - 1);
        await see(page, 'connections-after');
        if (before > 2) {
            await button(page, 'Disconnect everything').click();
        } else {
            await page.getByRole('button', { name: 'Disconnect Claude' }).first().click();
        }
        await page.locator('.empty').waitFor();
        await see(page, 'connections-none');
        await button(page, 'Sign out').click();
        await page.waitForLoadState();
        await page.goto(`${issuer}/connections`);
        await page.getByLabel('Password').waitFor();
        await signIn(page);
        await page.locator('.empty').waitFor();
        await page.close();
    },

    async 'a person who came by a broken link is told what to do'(context) {
        const page = await context.newPage();
        const response = await page.goto(ask('no-such-client', SITE).url);
        assert.equal(response?.status(), 400);
        assert.ok((await page.locator('main li').count()) > 0, 'there is something to do');
        await see(page, 'trouble');
        await page.close();
    },

    async 'a person opens the address of a server'(context) {
        const page = await context.newPage();
        const response = await page.goto(mcp);
        assert.equal(response?.status(), 401);
        assert.ok((await page.locator('pre').first().innerText()).includes(mcp));
        await see(page, 'connect');
        await page.locator('pre').first().click();
        assert.equal(await page.evaluate(() => String(getSelection())), mcp, 'a click selects it');
        await page.close();
    },
};

const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
        '--host-resolver-rules=MAP *.example ~NOTFOUND',
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ],
});
const context = await browser.newContext();
context.setDefaultTimeout(10_000);
for (const [name, journey] of Object.entries(journeys)) {
    try {
        await journey(context);
        console.log(`${name}: done`);
    } catch (error) {
        process.exitCode = 1;
        const page = context.pages().at(-1);
        console.log(`${name}: ${(error as Error).message}\nat ${page?.url()}\n${await page?.locator('body').innerText().catch(() => '')}`);
        for (const left of context.pages()) {
            await left.close();
        }
    }
}
for (const { page, form, rule, where } of barriers) {
    process.exitCode = 1;
    console.log(`${page}, ${form}: ${rule}: ${where.join('; ')}`);
}
await browser.close();
