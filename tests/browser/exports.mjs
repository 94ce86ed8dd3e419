// Part of the custody log taken away from the pages of an item and of a case.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { holds, openCase, openItem, step } from './steps.mjs';

const form = (page) => page.locator('form[action="/custody/exports"]');

/** The lines that a page carries, as whoever copies them gets them. */
const carried = (page) => page.locator('#custos-export').evaluate((lines) => lines.textContent);

/** Exports as `page` asks for them, in `folder`; `verify` runs the verifier on a file. */
export async function exporting(room, page, { open, look, download, verify, folder }) {
  const put = (name, bytes) => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  await step('the custody log of an item is exported, with fields withheld, and verifies', async () => {
    await openItem(page, room, 'JS/1');
    await page.click('summary:has-text("Choose what is withheld")');
    await look(page, 'item-export');
    await form(page).locator('input[value=jsonl]').check();
    await form(page).locator('input[value=actor]').check();
    const lines = await download(page, () => form(page).locator('button').click());
    const told = verify(put('log.jsonl', lines));
    holds(told.includes('VERIFIED') && told.includes('actor, authentication, fingerprints'), told);
    holds(!told.includes('(restricted)'), told);
  });
  await step('a page of a case carries what verifies, without JavaScript', async () => {
    await openCase(page, room);
    await page.click('summary:has-text("Export the custody log of this case")');
    await look(page, 'case-export');
    const state = await page.context().storageState();
    const plain = await open({ javaScriptEnabled: false, storageState: state });
    await openCase(plain, room);
    await plain.click('summary:has-text("Export the custody log of this case")');
    const taken = await download(plain, () => form(plain).locator('button').click());
    await plain.context().close();
    const shown = await open();
    await shown.goto(pathToFileURL(put('log.html', taken)).href);
    await look(shown, 'export');
    holds((await shown.textContent('main')).includes('Callum Rook'), 'nobody is named');
    const told = verify(put('carried.jsonl', await carried(shown)));
    holds(told.includes('VERIFIED') && told.includes('entries of the case'), told);
    await shown.pdf({ path: join(folder, 'log.pdf') });
    await shown.context().close();
  });
}
