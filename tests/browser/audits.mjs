// The room serves again with a changed byte in its store, under a time authority that does not
// answer: what an administrator sees of audits, witnesses and time authorities.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { equal, holds, step } from './steps.mjs';

const ROUND_MS = 60_000;

/** The largest object of the store: its path, and its name. */
function largest(folder) {
  const objects = join(folder, 'data', 'objects');
  const names = readdirSync(objects, { recursive: true }).filter((name) => statSync(join(objects, name)).isFile());
  names.sort((a, b) => statSync(join(objects, b)).size - statSync(join(objects, a)).size);
  return { path: join(objects, names[0]), name: names[0].split('/').at(-1) };
}

/** Settings that name an authority at a port on which nobody listens. */
function settings(folder) {
  const certificate = join(folder, 'authority.pem');
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'];
  const out = ['-subj', '/CN=authority', '-keyout', join(folder, 'authority.key'), '-out', certificate];
  execFileSync('openssl', [...made, ...out], { stdio: 'ignore' });
  const file = join(folder, 'custos.toml');
  const authority = `[[time_authorities]]\nname = "notary"\nurl = "http://127.0.0.1:9/tsr"\ncertificates = ["${certificate}"]\n`;
  writeFileSync(file, authority);
  return file;
}

export async function audits(room, page, look) {
  let object;
  await step('damage that an audit finds is on every page of an administrator', async () => {
    await room.stopServing();
    object = largest(room.folder);
    const bytes = readFileSync(object.path);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(object.path, bytes);
    // The next round is due at once.
    const due = { next_at: 0, round: null, last: null };
    writeFileSync(join(room.folder, 'data', 'audit.json'), JSON.stringify(due));
    await room.serve({ CUSTOS_CONFIG: settings(room.folder) });
    const deadline = Date.now() + ROUND_MS;
    do {
      await page.goto(`${room.origin}/audits`);
    } while ((await page.locator('main table').count()) === 0 && Date.now() < deadline);
    const text = await page.textContent('main');
    holds(text.includes('1 thing is not what it should be'), text);
    await look(page, 'audits');
    await page.goto(`${room.origin}/cases`);
    await look(page, 'cases-damage');
    await page.click('[role=status] a');
    await page.waitForURL(/\/audits$/);
  });
  await step('a round says which chunk of which object is damaged', async () => {
    await page.click('main table a');
    await page.waitForLoadState();
    const row = await page.textContent('main tbody');
    holds(row.includes(object.name) && /segment \d+, chunk \d+/.test(row), row);
    await look(page, 'audit');
  });
  await step('an authority that does not answer is named', async () => {
    await page.goto(`${room.origin}/witnesses`);
    await look(page, 'witnesses');
    await page.click('main button:has-text("Have the log stamped now")');
    await page.waitForLoadState();
    const told = await page.textContent('[role=alert]');
    holds(told.includes('notary') && told.includes('could not be reached'), told);
    equal(new URL(page.url()).pathname, '/timestamps', 'where the answer is');
    page.wrong.length = 0; // The browser notes the 502 itself.
    await look(page, 'witnesses-unanswered');
  });
}
