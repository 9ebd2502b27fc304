// A person with a browser: opens a URL in Chromium, signs in and consents where a page asks for it, and
// ends where the pages send them: back at the program that opened the browser. What the person saw is
// printed as JSON lines; a page that asks for anything else ends it with a message and a non-zero code.
//
// usage: person.ts URL      LOGIN, PASSWORD: who signs in; ANSWER: allow (default) or deny;
//                           CODE: what to type where a device's code is asked for;
//                           PICTURES: a folder for pictures of the pages; CHROMIUM: the program;
//                           HOSTS: where names lead, as --host-resolver-rules says it

import { chromium, type Page, type Request } from 'playwright-core';

const [start] = process.argv.slice(2);
const { LOGIN = '', PASSWORD = '', ANSWER = 'allow', CODE = '', PICTURES, CHROMIUM = '/usr/bin/chromium', HOSTS } = process.env;

function say(event: string, detail: Record<string, unknown>): void {
    console.log(JSON.stringify({ event, ...detail }));
}

/** What a page wants; none when it wants nothing more. */
async function act(page: Page): Promise<string | undefined> {
    const there = async (selector: string) => (await page.locator(selector).count()) > 0;
    if (await there('input[name="password"]')) {
        await page.fill('input[name="login"]', LOGIN);
        await page.fill('input[name="password"]', PASSWORD);
        await Promise.all([page.waitForEvent('framenavigated'), page.locator('input[name="password"]').press('Enter')]);
        return 'signed in';
    }
    if (await there('input[name="user_code"]:not([type="hidden"])')) {
        await page.fill('input[name="user_code"]', CODE);
        await Promise.all([page.waitForEvent('framenavigated'), page.locator('input[name="user_code"]').press('Enter')]);
        return 'typed the code';
    }
    const button = `button[name="decision"][value="${ANSWER}"]`;
    if (await there(button)) {
        await page.click(button, { noWaitAfter: true });
        return ANSWER;
    }
    return undefined;
}

const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
        ...(HOSTS ? [`--host-resolver-rules=${HOSTS}`] : []),
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ],
});
const page = await browser.newPage();
let last = start!;
let failed: string | undefined;
const note = (request: Request) => {
    if (request.isNavigationRequest() && request.frame() === page.mainFrame()) {
        last = request.url();
    }
};
page.on('request', note);
page.on('requestfailed', request => {
    note(request);
    failed = request.failure()?.errorText;
});
page.on('console', message => say('console', { text: message.text() }));

const home = new URL(start!).host;
const isBack = () => new URL(last).searchParams.has('state') && new URL(last).host !== home;
await page.goto(start!).catch(error => say('trouble', { text: String(error) }));
for (let step = 0; step < 8 && !isBack(); step++) {
    const url = page.url();
    say('page', { url: url.split('?')[0], title: await page.title() });
    if (PICTURES) {
        const name = new URL(url).pathname.replaceAll('/', '-').slice(1) || 'start';
        await page.screenshot({ path: `${PICTURES}/${step}-${name}.png`, fullPage: true });
    }
    const done = await act(page);
    if (done === undefined) {
        break;
    }
    say('did', { what: done });
    // The way back may lead to a program that answers late, or to none that a browser knows.
    await page.waitForLoadState('load', { timeout: 10_000 }).catch(() => undefined);
    for (let wait = 0; wait < 50 && page.url() === url && !isBack() && failed === undefined; wait++) {
        await page.waitForTimeout(100);
    }
}
say('end', { url: last, failed: failed ?? null, text: (await page.locator('body').innerText().catch(() => '')).slice(0, 500) });
await browser.close();
