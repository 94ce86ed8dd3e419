// What needs a second person, and one's own sessions.

import { searching } from './cases.mjs';
import { enter, holds, step } from './steps.mjs';

/** A custodian asks to hand the case over, and takes it back. */
export async function requests(room, open, look, custodian) {
  const page = await open();
  await step('a custodian searches many cases, and turns their pages', async () => {
    await enter(page, room, custodian);
    await searching(page, room, look);
  });
  await step('a custodian asks for a second person, and takes it back', async () => {
    await page.click('summary:has-text("Hand the case over")');
    await page.click('summary:has-text("Put the case into another one")');
    await look(page, 'case-course');
    const form = page.locator('form[action$="/transfer"]');
    await form.locator('[name=authority]').fill('Prosecutor of another district');
    await form.locator('[name=reference]').fill('PD-2026/118');
    await form.locator('[name=reason]').fill('the harbour lies in theirs');
    await form.locator('button').click();
    await page.waitForURL(`${room.origin}/requests`);
    const text = await page.textContent('main');
    holds(text.includes('PD-2026/118') && text.includes('asked'), text);
    holds(!text.includes('Approve exactly this'), 'an asker may approve');
    await look(page, 'requests');
    await page.click('main button:has-text("Take it back")');
    await page.waitForSelector('.tag:text-is("withdrawn")');
    await page.goto(`${room.origin}/sessions`);
    holds((await page.textContent('main')).includes('this one'), 'the session is missing');
    await look(page, 'sessions');
    await page.click('main table button');
    await page.waitForURL(/\/sign-in$/);
    await page.context().close();
  });
}

/** The administrator looks at how somebody leaves. */
export async function leaving(page, look) {
  await page.locator('summary:has-text("Leaves the service")').first().click();
  await look(page, 'people-leaving');
}
