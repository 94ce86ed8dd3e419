// Notices and one's own mail address, with a mail server that takes one letter and no more.

import { createServer } from 'node:net';

import { holds, step } from './steps.mjs';

const MAIL = 'c.rook@agency.example';

/** A mail server on this machine: what it answers to RCPT is told by `answers`. */
export function startMail(answers) {
  const letters = [];
  const server = createServer((socket) => {
    let rest = '';
    let body = null;
    const say = (line) => socket.write(`${line}\r\n`);
    socket.on('error', () => {});
    socket.on('data', (piece) => {
      rest += piece;
      for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (body !== null) {
          if (line === '.') {
            letters.push(body);
            body = null;
            say('250 taken');
          } else body += `${line}\n`;
        } else if (line.startsWith('DATA')) {
          body = '';
          say('354 go on');
        } else if (line.startsWith('RCPT')) say(answers.shift() ?? '550 5.7.1 no more');
        else if (line.startsWith('QUIT')) socket.end('221 bye\r\n');
        else say('250 ok');
      }
    });
    say('220 here');
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve({ port: server.address().port, letters, stop: () => server.close() }));
  });
}

/** The investigator names an address and confirms it by the link in the letter. */
export async function address(room, page, mail, look) {
  await step('a mail address is confirmed by a link', async () => {
    await page.goto(`${room.origin}/notices`);
    await page.click('main a:has-text("By mail too?")');
    await page.waitForURL(/\/mail$/);
    await look(page, 'mail');
    await page.fill('#mail', MAIL);
    await page.click('main button:has-text("Send a letter")');
    await page.waitForSelector('#secret');
    await look(page, 'mail-waiting');
    for (let tries = 0; mail.letters.length === 0 && tries < 200; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const link = mail.letters[0]?.match(/http:\S+\/mail#\S+/)?.[0];
    holds(link, `no link in ${mail.letters[0]}`);
    // Another page first: only the part behind the # would differ.
    await page.goto(`${room.origin}/cases`);
    await page.goto(link);
    holds(new URL(page.url()).hash === '', 'the code left in the address');
    await page.click('#continue');
    await page.waitForSelector(`text=Letters go to ${MAIL}`);
    await look(page, 'mail-confirmed');
  });
}

/** Behind a deposit that went into quarantine. */
export async function told(room, page, open, look) {
  await step('what is new is counted in the head, listed, and marked as read without JavaScript', async () => {
    const storageState = await page.context().storageState();
    const plain = await open({ javaScriptEnabled: false, storageState });
    await plain.goto(`${room.origin}/cases`);
    await plain.click('header a:has-text("Notices")');
    const head = () => plain.textContent('header nav');
    holds(/Notices \(\d+ unread\)/.test(await head()), await head());
    holds((await plain.textContent('main')).includes('A deposit of yours needs a look'), 'it is missing');
    await page.goto(`${room.origin}/notices`);
    await look(page, 'notices');
    await plain.click('main button:has-text("Mark all as read")');
    await plain.waitForLoadState();
    holds(!/unread/.test(await head()), await head());
    await plain.context().close();
    await page.goto(`${room.origin}/notices`);
    await look(page, 'notices-read');
  });
}

/** The administrator sees that the letter about it was not taken, and not what it was about. */
export async function undelivered(room, page, look) {
  await page.goto(`${room.origin}/notices`);
  await page.click('main a:has-text("What could not be delivered")');
  await page.waitForURL(/undelivered$/);
  const text = await page.textContent('main');
  holds(text.includes('550') && text.includes('a case'), text);
  holds(!text.includes(MAIL) && !text.includes('quarantine'), text);
  await look(page, 'undelivered');
}
