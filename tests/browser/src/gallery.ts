// Looks at files of HTML, for example those that `cargo test -p controller pages` writes to `pages` in
// the target folder; pictures go beside them. Ends with a non-zero code when a page keeps somebody out.
//
// usage: gallery.ts FOLDER     CHROMIUM: the program

import { readdirSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { look } from './look.ts';

const [folder = '.'] = process.argv.slice(2);
const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
const page = await browser.newPage();
for (const file of readdirSync(folder).filter(file => file.endsWith('.html')).sort()) {
    await page.goto(`file://${folder}/${file}`);
    for (const barrier of await look(page, file.replace('.html', ''), folder)) {
        console.log(JSON.stringify(barrier));
        process.exitCode = 1;
    }
}
await browser.close();
