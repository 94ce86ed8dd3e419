// The list of cases, as a custodian of many sees it.

import { equal, holds } from './steps.mjs';

async function opened(page, room, number, title) {
  await page.goto(`${room.origin}/cases`);
  await page.click('summary:has-text("Open a case")');
  const form = page.locator('form:has([name=number])');
  await form.locator('[name=number]').fill(number);
  await form.locator('[name=title]').fill(title);
  await form.locator('button').click();
  await page.waitForURL(/\/cases\/[0-9a-f]{32}$/);
}

/** Opens cases, searches and sorts them, and turns pages. Whoever calls is on the page already. */
export async function searching(page, room, look) {
  for (const number of ['27/2', '27/10', '27/9']) await opened(page, room, number, `Quay of ${number}`);
  await page.goto(`${room.origin}/cases`);
  await look(page, 'cases-many');
  await page.fill('[name=q]', 'QUAY 27');
  await page.selectOption('[name=stage]', 'open');
  await page.selectOption('[name=sort]', '-number');
  await page.click('form[role=search] button');
  await page.waitForURL(/sort=-number/);
  const numbers = () => page.locator('table th[scope=row]').allTextContents();
  equal((await numbers()).join(' '), '27/10 27/9 27/2', 'what is found');
  await look(page, 'cases-found');
  await page.goto(`${page.url()}&limit=2`);
  await page.click('a[rel=next]');
  await page.waitForURL(/cursor=/);
  equal((await numbers()).join(' '), '27/2', 'the second page');
  await page.click('a[rel=prev]');
  await page.waitForSelector('a[rel=next]');
  equal((await numbers()).join(' '), '27/10 27/9', 'the first page again');
  await page.goto(`${room.origin}/cases?q=nowhere`);
  holds((await page.textContent('main')).includes('No case that you may know of fits.'), 'nothing');
  await page.goto(`${room.origin}/cases?q=LANTERN`);
  await page.click('main table th[scope=row] a');
  await page.waitForURL(/\/cases\/[0-9a-f]{32}$/);
}
