// One walk through the demo, as its people would take it, at two widths, with and without
// JavaScript. Every page is checked by axe-core, for errors in the console, and for width.

import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { audits } from './audits.mjs';
import { exporting } from './exports.mjs';
import { address, startMail, told, undelivered } from './notices.mjs';
import { files, rules } from './register.mjs';
import { leaving, requests } from './requests.mjs';
import { startBrowser, startRoom } from './room.mjs';
import { closing, enter, equal, holds, openCase, openItem, step } from './steps.mjs';

const WIDTHS = [1280, 360];
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const shots = process.argv[2];

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** A page that notes what goes wrong in it. */
async function open(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: WIDTHS[0], height: 900 }, ...options });
  const page = await context.newPage();
  page.wrong = [];
  page.on('pageerror', (error) => page.wrong.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') page.wrong.push(`console: ${message.text()}`);
  });
  return page;
}

/** Checks a page with axe-core and at both widths, and keeps a picture of each. */
async function look(page, name) {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    holds(wide <= width, `${name} is ${wide} pixels wide at ${width}`);
    await page.screenshot({ path: join(shots, `${name}-${width}.png`), fullPage: true });
  }
  await page.setViewportSize({ width: WIDTHS[0], height: 900 });
  // The page's own policy allows no script but its own; the checker is put in from outside it.
  const session = await page.context().newCDPSession(page);
  const evaluate = (expression, awaitPromise = false) =>
    session.send('Runtime.evaluate', { expression, awaitPromise, returnByValue: true });
  await evaluate(axe);
  const { result } = await evaluate(
    "axe.run(document, { iframes: false }).then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.target.join(' ')).join(', ')))",
    true,
  );
  holds(Array.isArray(result.value), 'axe did not run');
  equal(result.value.join('; '), '', `what axe finds on ${name}`);
  equal(page.wrong.join('; '), '', `errors on ${name}`);
}

async function openView(page, room, reference) {
  await openItem(page, room, reference);
  const form = page.locator('form', { has: page.locator('text=Open here') });
  await form.locator('textarea').fill('to look at it for the case file');
  await form.locator('text=Open here').click();
  await page.waitForURL(/\/views\/[0-9a-f]{32}$/);
}

async function download(page, click) {
  const [got] = await Promise.all([page.waitForEvent('download'), click()]);
  return readFileSync(await got.path());
}

async function depositForm(page, room, { reference, description, file }) {
  await openCase(page, room);
  await page.click('text=Deposit an item');
  await page.fill('input[name=reference]', reference);
  await page.fill('[name=description]', description);
  await page.setInputFiles('input[type=file]', file);
}

async function investigator(room, browser) {
  const page = await open(browser);
  await step('an investigator enters by a link', async () => {
    await page.goto(room.link('Callum Rook'));
    equal(new URL(page.url()).hash, '', 'the secret left in the address');
    await look(page, 'enter');
    await page.click('main button[type=submit]');
    await page.waitForURL(`${room.origin}/cases`);
    await look(page, 'cases');
  });
  await step('a link is used once', async () => {
    const again = await open(browser);
    await again.goto(room.link('Callum Rook'));
    await again.click('main button[type=submit]');
    await again.waitForLoadState();
    holds(!again.url().endsWith('/cases'), 'the link worked twice');
    await again.context().close();
  });
  await step('the case and its items are listed, the restricted one is not', async () => {
    await openCase(page, room);
    await look(page, 'case');
    const text = await page.textContent('main');
    holds(text.includes('JS/1') && text.includes('CR/1'), 'an item is missing');
    holds(!text.includes('JS/2'), 'the restricted item is listed');
  });
  await step('items are searched, sorted and counted, and the restricted one is in no count', async () => {
    await openCase(page, room);
    const rows = () => page.locator('table.cards').first().locator('tbody th').allTextContents();
    const all = await rows();
    await page.fill('#q', 'js');
    await page.click('main form.search button');
    await page.waitForURL(/[?&]q=js/);
    const found = await rows();
    holds(found.length > 0 && found.length < all.length, `found ${found.join(', ')} of ${all.join(', ')}`);
    holds(found.every((reference) => reference.startsWith('JS/')), found.join(', '));
    holds((await page.textContent('table caption')).startsWith(`${found.length} item`), 'another count');
    await page.click('text=Narrow down and sort');
    const states = await page.locator('#state option').allTextContents();
    const counted = states.slice(1).map((option) => Number(option.match(/\((\d+)\)/)[1]));
    // Nothing of the demo is in two states at once, so far as an investigator sees it.
    equal(counted.reduce((sum, count) => sum + count, 0), found.length, 'the states');
    holds(!states.some((option) => option.includes('restricted')), states.join(', '));
    await look(page, 'case-search');
    await page.click('main th a:text-is("Reference")');
    await page.waitForURL(/sort=-reference/);
    equal((await rows()).join(), found.reverse().join(), 'the other way around');
    await page.fill('#q', 'nothing has these words');
    await page.click('main form.search button');
    await page.waitForURL(/q=nothing/);
    holds((await page.textContent('main')).includes('No item that you may know of fits.'), 'it is not said');
    await look(page, 'case-nothing');
  });
  await step('a list is turned page by page, without JavaScript', async () => {
    const state = await page.context().storageState();
    const plain = await open(browser, { javaScriptEnabled: false, storageState: state });
    await openCase(plain, room);
    const rows = () => plain.locator('table.cards').first().locator('tbody th').allTextContents();
    const all = await rows();
    await plain.goto(`${plain.url()}?limit=2`);
    const first = await rows();
    const walked = [...first];
    while (await plain.locator('a[rel=next]').count()) {
      await plain.click('a[rel=next]');
      await plain.waitForLoadState();
      walked.push(...(await rows()));
    }
    equal(walked.join(), all.join(), 'the pages');
    while (await plain.locator('a[rel=prev]').count()) {
      await plain.click('a[rel=prev]');
      await plain.waitForLoadState();
    }
    equal((await rows()).join(), first.join(), 'back at the first');
    await plain.setViewportSize({ width: 360, height: 900 });
    await plain.screenshot({ path: join(shots, 'case-pages-360.png'), fullPage: true });
    await plain.context().close();
  });
  await step('an item shows its fingerprint', async () => {
    await openItem(page, room, 'JS/1');
    await look(page, 'item');
    holds(/[0-9a-f]{64}/.test(await page.textContent('main')), 'no fingerprint');
  });
  await step('text is read in place, from the second origin', async () => {
    await openView(page, room, 'JS/1');
    const frame = page.frames().find((f) => f.url().startsWith(`http://content.localhost:${room.port}/v/`));
    holds(frame, 'no frame of the second origin');
    holds((await frame.textContent('body')).includes('RECORD OF INTERVIEW'), 'another text');
    await look(page, 'view-text');
  });
  await step('an image is seen in place', async () => {
    await openView(page, room, 'JS/3');
    const image = page.locator('main img');
    await image.waitFor();
    const width = await image.evaluate((img) => img.decode().then(() => img.naturalWidth));
    holds(width > 100, 'the image did not load');
    holds((await image.getAttribute('src')).includes('content.localhost'), 'another origin');
    await look(page, 'view-image');
  });
  const plays = async (reference, player) => {
    await openView(page, room, reference);
    const played = await page.locator(`main ${player}`).evaluate(async (media) => {
      media.muted = true;
      await new Promise((resolve, reject) => {
        media.addEventListener('error', () => reject(new Error('it failed')), { once: true });
        if (media.readyState >= 1) resolve();
        else media.addEventListener('loadedmetadata', resolve, { once: true });
      });
      const middle = media.duration / 2;
      media.currentTime = middle;
      await new Promise((resolve) => media.addEventListener('seeked', resolve, { once: true }));
      // A decoder may start a frame early, so what counts is that it goes on past the middle,
      // and never from the beginning.
      const late = Date.now() + 10_000;
      await media.play();
      let least = media.currentTime;
      while (media.currentTime <= middle && !media.ended && Date.now() < late) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        least = Math.min(least, media.currentTime);
      }
      return { middle, least, reached: media.currentTime, length: media.duration };
    });
    const told = `it did not go on from its middle: ${JSON.stringify(played)}`;
    holds(played.reached > played.middle && played.least > played.middle / 2, told);
    await look(page, `view-${player}`);
  };
  await step('a video plays in place, and can be sought in', () => plays('CR/1', 'video'));
  await step('sound plays in place, and can be sought in', () => plays('CR/5', 'audio'));
  await step('what was opened stands in the history', async () => {
    await openItem(page, room, 'JS/3');
    await page.click('text=History');
    await page.waitForLoadState();
    const text = await page.textContent('main');
    holds(text.includes('deposited this item') && text.includes('opened the content'), 'a line is missing');
    await look(page, 'history');
  });
  return page;
}

async function deposits(room, browser, page) {
  const bytes = randomBytes(3_000_000);
  const file = { name: 'rück seite\u202e.bin', mimeType: 'application/octet-stream', buffer: bytes };
  await step('a file is deposited, with JavaScript and its progress', async () => {
    await depositForm(page, room, { reference: 'CR/90', description: 'A file from the walk', file });
    await look(page, 'deposit');
    await page.click('main button:has-text("Deposit")');
    await page.waitForURL(/\/items\/[0-9a-f]{32}/);
    const text = await page.textContent('main');
    holds(text.includes(sha256(bytes)), 'another fingerprint');
    holds(text.includes('rück seite'), 'another file name');
    await look(page, 'deposited');
  });
  await step('it is read back byte for byte', async () => {
    const form = page.locator('form', { has: page.locator('text=Take a copy away') });
    await form.locator('textarea').fill('to compare it with what was sent');
    await form.locator('text=Take a copy away').click();
    await page.waitForURL(/\/views\/[0-9a-f]{32}$/);
    await look(page, 'copy');
    const got = await download(page, () => page.click('text=Download the copy'));
    equal(sha256(got), sha256(bytes), 'the bytes');
  });
  await step('a file is deposited without JavaScript', async () => {
    const state = await page.context().storageState();
    const plain = await open(browser, { javaScriptEnabled: false, storageState: state });
    const other = randomBytes(100_000);
    await depositForm(plain, room, {
      reference: 'CR/91',
      description: 'A file without JavaScript',
      file: { ...file, buffer: other },
    });
    await plain.click('main button:has-text("Deposit")');
    await plain.waitForURL(/\/items\/[0-9a-f]{32}/);
    holds((await plain.textContent('main')).includes(sha256(other)), 'another fingerprint');
    await plain.context().close();
  });
  await step('a restricted deposit is told once, with its receipt', async () => {
    for (const javaScriptEnabled of [true, false]) {
      const state = await page.context().storageState();
      const other = await open(browser, { javaScriptEnabled, storageState: state });
      const reference = javaScriptEnabled ? 'CR/93' : 'CR/94';
      await depositForm(other, room, { reference, description: 'A name', file });
      await other.selectOption('select[name=sensitivity]', 'restricted');
      await other.click('main button:has-text("Deposit")');
      await other.waitForSelector('text=hidden from here on');
      holds((await other.textContent('main')).includes(sha256(bytes)), 'another fingerprint');
      if (javaScriptEnabled) await look(other, 'deposited-restricted');
      const receipt = await download(other, () => other.click('main a.button'));
      holds(String(receipt).startsWith('c2sp.org/tlog-proof@v1'), 'no receipt');
      await openCase(other, room);
      holds(!(await other.textContent('main')).includes(reference), 'it is listed');
      await other.context().close();
    }
  });
  await step('a hash that does not fit puts the file in quarantine', async () => {
    await depositForm(page, room, { reference: 'CR/92', description: 'A wrong hash', file });
    await page.fill('input[name=sha256]', '0'.repeat(64));
    await page.click('main button:has-text("Deposit")');
    await page.waitForURL(/\/items\/[0-9a-f]{32}/);
    const text = await page.textContent('main');
    holds(text.includes('quarantined') && text.includes('0'.repeat(64)), 'it is not said');
    await look(page, 'quarantined');
  });
}

async function proofs(room, browser, page) {
  const folder = join(shots, '..', 'taken');
  mkdirSync(folder, { recursive: true });
  const trust = join(room.folder, 'trust.policy');
  const verify = (...more) =>
    execFileSync(process.env.CUSTOS_VERIFY_BIN, [...more, '--trust', trust], { encoding: 'utf8' });
  await step('a receipt is taken and verifies', async () => {
    await openItem(page, room, 'JS/1');
    const receipt = await download(page, () => page.click('text=Receipt'));
    writeFileSync(join(folder, 'receipt'), receipt);
    holds(verify('--receipt', join(folder, 'receipt')).includes('VERIFIED'), 'it does not verify');
  });
  await step('a bundle is taken and verifies against the receipt', async () => {
    await openItem(page, room, 'JS/1');
    const form = page.locator('form', { has: page.locator('text=Make and download the bundle') });
    await form.locator('input[type=radio]').nth(1).check();
    await form.locator('textarea').fill('to check it away from the room');
    const bundle = await download(page, () => form.locator('text=Make and download the bundle').click());
    writeFileSync(join(folder, 'bundle.zip'), bundle);
    const told = verify(join(folder, 'bundle.zip'), '--held', join(folder, 'receipt'));
    holds(told.includes('VERIFIED') && told.includes('unchanged since its deposit'), told);
  });
  const opening = (options) => open(browser, options);
  await exporting(room, page, { open: opening, look, download, verify, folder });
}

/** What the others do; gives the state of the administrator's browser. */
async function others(room, browser) {
  let administrator;
  await step('the defence sees what was served to its party, and nothing else', async () => {
    const page = await open(browser);
    await enter(page, room, 'Amara Kestle');
    await openCase(page, room);
    const text = await page.textContent('main');
    holds(text.includes('JS/1'), 'what was served is missing');
    holds(!text.includes('CR/4') && !text.includes('JS/2') && !text.includes('CR/90'), 'more is shown');
    await look(page, 'case-defence');
    await page.context().close();
  });
  await step('the defence reads a text, and nobody but the court sees that', async () => {
    const page = await open(browser);
    await enter(page, room, 'Piet Hallam');
    await openView(page, room, 'JS/1');
    await page.context().close();
  });
  await step('an administrator keeps people, and sees no case', async () => {
    const page = await open(browser);
    await page.goto(room.link('Ivo Brandreth'));
    await page.click('main button[type=submit]');
    await page.waitForLoadState();
    await page.goto(`${room.origin}/people`);
    await look(page, 'people');
    await leaving(page, look);
    await undelivered(room, page, look);
    await page.goto(`${room.origin}/cases`);
    holds(!(await page.textContent('main')).includes('LANTERN'), 'the case is listed');
    administrator = await page.context().storageState();
    await page.context().close();
  });
  await step('a wrong password is refused in plain words', async () => {
    const page = await open(browser);
    await page.goto(`${room.origin}/sign-in`);
    await look(page, 'sign-in');
    await page.fill('input[name=login]', 'nobody');
    await page.fill('input[name=password]', 'not the password');
    await page.click('main button[type=submit]');
    await page.waitForLoadState();
    page.wrong.length = 0; // The browser notes the 401 itself.
    await look(page, 'sign-in-refused');
    await page.context().close();
  });
  await step('the API is described for anyone, without JavaScript', async () => {
    const state = { javaScriptEnabled: false };
    const plain = await open(browser, state);
    await plain.goto(`${room.origin}/docs/api`);
    await plain.click('nav[aria-label="On this page"] >> text=Problems');
    equal(new URL(plain.url()).hash, '#problems', 'where the link leads');
    const operations = await plain.locator('section h3').count();
    holds(operations > 60, `${operations} operations and schemas`);
    await plain.context().close();
    const page = await open(browser);
    await page.goto(`${room.origin}/docs/api`);
    await look(page, 'reference');
    await page.context().close();
  });
  await step('an address that is nothing says so', async () => {
    const page = await open(browser);
    const answer = await page.goto(`${room.origin}/items/${'0'.repeat(32)}`);
    // Nobody is signed in here, so nothing is said of what there is.
    holds(answer.status() === 401 || page.url().includes('/sign-in'), `status ${answer.status()}`);
    await enter(page, room, 'Noor Ellery');
    const known = await page.goto(`${room.origin}/items/${'0'.repeat(32)}`);
    equal(known.status(), 404, 'status');
    page.wrong.length = 0; // The browser notes the 401 and the 404 itself.
    await look(page, 'not-found');
    await page.context().close();
  });
  return administrator;
}

rmSync(shots, { recursive: true, force: true });
mkdirSync(shots, { recursive: true });
const mail = await startMail(['250 ok']);
const room = await startRoom({
  CUSTOS_MAIL__SERVER: '127.0.0.1',
  CUSTOS_MAIL__PORT: String(mail.port),
  CUSTOS_MAIL__TLS: 'none',
  CUSTOS_MAIL__FROM: 'room@agency.example',
});
const browser = await startBrowser();
try {
  const page = await investigator(room, browser);
  await address(room, page, mail, look);
  await deposits(room, browser, page);
  await told(room, page, (options) => open(browser, options), look);
  await files(room, page, look);
  await rules(room, () => open(browser), look, ['Hester Vane', 'Oriane Feld']);
  await requests(room, () => open(browser), look, 'Winifred Ashgrove');
  await proofs(room, browser, page);
  const storageState = await others(room, browser);
  await audits(room, await open(browser, { storageState }), look);
  await step('nothing secret is in the log', async () => {
    const log = room.log.join('');
    holds(!log.includes('custos_') && !/\/v\/[0-9a-f]/.test(log), 'a secret is in the log');
  });
} finally {
  await browser.close();
  await room.stop();
  mail.stop();
}
console.log(`pictures: ${shots}`);
process.exit(closing());
