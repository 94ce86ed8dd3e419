// A file of several GiB through a browser: deposited, read back byte for byte, and checked
// when the room is gone. CUSTOS_LARGE_MIB says how large (4096 unless told).

import { execFileSync } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { closeSync, createReadStream, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startBrowser, startRoom } from './room.mjs';
import { closing, enter, equal, holds, openCase, openItem, step } from './steps.mjs';

const MIB = Number(process.env.CUSTOS_LARGE_MIB ?? 4096);
const WAIT_MS = 1_800_000;
const folder = mkdtempSync(join(tmpdir(), 'custos-large-'));
const file = join(folder, 'recording.bin');
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** Writes random bytes; their fingerprint. */
function make() {
  const hash = createHash('sha256');
  const piece = Buffer.alloc(1 << 20);
  const out = openSync(file, 'wx');
  for (let n = 0; n < MIB; n += 1) {
    randomFillSync(piece);
    hash.update(piece);
    writeSync(out, piece);
  }
  closeSync(out);
  return hash.digest('hex');
}

async function fingerprint(path) {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece);
  return hash.digest('hex');
}

async function download(page, target, click) {
  const [got] = await Promise.all([page.waitForEvent('download', { timeout: WAIT_MS }), click()]);
  await got.saveAs(target);
  await got.delete();
}

const sha256 = make();
const room = await startRoom();
const browser = await startBrowser();
const taken = { bundle: join(folder, 'bundle.zip'), receipt: join(folder, 'receipt') };
let stopped = false;
try {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(WAIT_MS);
  const took = async (what, work) => {
    const begin = Date.now();
    await work();
    console.log(`      ${what}: ${((Date.now() - begin) / 1000).toFixed(1)} s`);
  };
  await enter(page, room, 'Callum Rook');
  await step(`${MIB} MiB are deposited through the form`, async () => {
    await openCase(page, room);
    await page.click('text=Deposit an item');
    await page.fill('input[name=reference]', 'CR/100');
    await page.fill('[name=description]', 'A long recording');
    await page.setInputFiles('input[type=file]', file);
    await page.fill('input[name=sha256]', sha256);
    await took('deposit', async () => {
      await page.click('main button:has-text("Deposit")');
      await page.waitForURL(/\/items\/[0-9a-f]{32}/);
    });
    const text = await page.textContent('main');
    holds(text.includes(sha256) && !text.includes('quarantined'), 'another fingerprint');
  });
  await step('they are read back byte for byte', async () => {
    const form = page.locator('form', { has: page.locator('text=Take a copy away') });
    await form.locator('textarea').fill('to compare it with what was sent');
    await form.locator('text=Take a copy away').click();
    await page.waitForURL(/\/views\/[0-9a-f]{32}$/);
    const copy = join(folder, 'copy');
    await took('copy', () => download(page, copy, () => page.click('text=Download the copy')));
    equal(await fingerprint(copy), sha256, 'the bytes');
    rmSync(copy);
  });
  await step('receipt and bundle are taken away', async () => {
    await openItem(page, room, 'CR/100');
    await download(page, taken.receipt, () => page.click('text=Receipt'));
    await openItem(page, room, 'CR/100');
    const form = page.locator('form', { has: page.locator('text=Make and download the bundle') });
    await form.locator('input[type=radio]').nth(1).check();
    await form.locator('textarea').fill('to check it away from the room');
    const make = form.locator('text=Make and download the bundle');
    await took('bundle', () => download(page, taken.bundle, () => make.click()));
  });
  execFileSync('cp', [join(room.folder, 'trust.policy'), join(folder, 'trust.policy')]);
  await browser.close();
  await room.stop();
  stopped = true;
  await step('the verifier accepts them when the room is gone', async () => {
    const told = execFileSync(
      process.env.CUSTOS_VERIFY_BIN,
      [taken.bundle, '--trust', join(folder, 'trust.policy'), '--held', taken.receipt],
      { encoding: 'utf8' },
    );
    holds(told.includes('VERIFIED') && told.includes(sha256), told);
  });
  await step('the Python reader accepts them', async () => {
    const python = process.env.CUSTOS_PYTHON;
    holds(python, 'CUSTOS_PYTHON names no Python');
    const reader = join(process.env.CUSTOS_ROOT, 'tests/interop/python/bundle.py');
    const given = [join(folder, 'trust.policy'), taken.bundle, taken.receipt];
    execFileSync(python, ['-B', reader, ...given], { encoding: 'utf8' });
  });
} finally {
  if (!stopped) {
    await browser.close();
    await room.stop();
  }
}
process.exit(closing());
