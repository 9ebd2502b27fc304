// Looks at a page as people do: light and dark, wide and as narrow as 320 px. Takes pictures, and asks
// axe what keeps people with other senses or tools out.

import axe from 'axe-core';
import type { Page } from 'playwright-core';

export interface Barrier {
    page: string;
    form: string;
    rule: string;
    impact: string;
    where: string[];
}

const FORMS = [
    { form: 'light', colorScheme: 'light', width: 1024, height: 768 },
    { form: 'dark', colorScheme: 'dark', width: 1024, height: 768 },
    { form: 'narrow', colorScheme: 'light', width: 320, height: 640 },
    { form: 'narrow-dark', colorScheme: 'dark', width: 320, height: 640 },
] as const;

/** What is wrong with the page, in each form; pictures of it go to the folder. */
export async function look(page: Page, name: string, folder?: string): Promise<Barrier[]> {
    const found: Barrier[] = [];
    const before = page.viewportSize();
    for (const { form, colorScheme, width, height } of FORMS) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height });
        if (folder) {
            await page.screenshot({ path: `${folder}/${name}.${form}.png`, fullPage: true });
        }
        // Not as a script of the page, which its policy refuses.
        await page.evaluate(axe.source);
        const result = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
        for (const violation of result.violations) {
            const where = violation.nodes.map(node => `${node.html} ${node.failureSummary ?? ''}`);
            found.push({ page: name, form, rule: violation.id, impact: violation.impact ?? '', where });
        }
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        if (wide > width) {
            found.push({ page: name, form, rule: 'scrolls sideways', impact: 'serious', where: [`${wide} px`] });
        }
    }
    await page.emulateMedia({ colorScheme: null });
    if (before) {
        await page.setViewportSize(before);
    }
    return found;
}
