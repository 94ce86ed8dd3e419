// The register of the demo's case, by forms: corrections, transfers, exhibits, orders.

import { enter, holds, openCase, openItem, step } from './steps.mjs';

/** Opens what stands folded under `summary`, and gives its form. */
async function unfold(page, summary) {
  await page.click(`summary:has-text("${summary}")`);
  return page.locator('details[open] form').last();
}

/** The investigator, who is on the page already, files about an item. */
export async function files(room, page, look) {
  await step('a correction stands beside what was told', async () => {
    await openItem(page, room, 'JS/3');
    const form = await unfold(page, 'Append a correction');
    await form.locator('select').selectOption('place');
    await form.locator('[name=value]').fill('Berth 9, not Berth 6');
    await form.locator('[name=reason]').fill('the sign was misread');
    await form.locator('button').click();
    await page.waitForURL(/#filed$/);
    const text = await page.textContent('main');
    holds(text.includes('Berth 9, not Berth 6') && text.includes('misread'), 'it is missing');
  });
  await step('the physical thing changes hands', async () => {
    const form = await unfold(page, 'Record that the physical thing changed hands');
    await form.locator('[name=released_by]').fill('C. Rook');
    await form.locator('[name=received_by]').fill('Laboratory, desk 2');
    await form.locator('[name=at]').fill('2026-03-02T09:30');
    await form.locator('[name=offset]').fill('+01:00');
    await form.locator('[name=reason]').fill('analysis');
    await form.locator('[name=seal]').fill('K-20417');
    await form.locator('[name=seal_state]').selectOption('intact');
    await form.locator('button').click();
    await page.waitForURL(/#filed$/);
    const text = await page.textContent('main');
    holds(text.includes('Seal K-20417: intact') && text.includes('08:30:00 UTC'), 'it is missing');
    await page.click('summary:has-text("Append a correction")');
    await page.click('summary:has-text("Record that")');
    await look(page, 'item-filed');
  });
}

/** A prosecutor offers, a judge rules under an order. */
export async function rules(room, open, look, [prosecutor, judge]) {
  await step('a prosecutor offers an exhibit', async () => {
    const page = await open();
    await enter(page, room, prosecutor);
    await openItem(page, room, 'JS/3');
    const form = await unfold(page, 'Offer it to the court');
    await form.locator('[name=number]').fill('P1');
    await form.locator('[name=note]').fill('the berth by night');
    await form.locator('button').click();
    await page.waitForURL(/#filed$/);
    holds((await page.textContent('main')).includes('P1 of the prosecution'), 'it is not offered');
    await look(page, 'item-offered');
    await page.context().close();
  });
  await step('a judge admits it under an order', async () => {
    const page = await open();
    await enter(page, room, judge);
    await openCase(page, room);
    await page.click('text=Register: exhibits and orders');
    await page.waitForURL(/\/register$/);
    const form = await unfold(page, 'Make an order');
    await form.locator('[name=number]').fill('O-12');
    await form.locator('select').selectOption('admit');
    await form.locator('[name=text]').fill('Exhibit P1 is admitted.');
    await form.locator('button').click();
    await page.waitForLoadState();
    const order = await page.locator('section .mono').first().textContent();
    await openItem(page, room, 'JS/3');
    const ruling = await unfold(page, 'Rule on P1');
    await ruling.locator('[name=order]').fill(order);
    await ruling.locator('[name=note]').fill('relevant');
    await ruling.locator('button').click();
    await page.waitForURL(/#filed$/);
    holds((await page.textContent('main')).includes('admitted'), 'it is not admitted');
    await look(page, 'item-ruled');
    await openCase(page, room);
    await page.click('text=Register: exhibits and orders');
    await page.waitForURL(/\/register$/);
    const text = await page.textContent('main');
    holds(text.includes('P1') && text.includes('Order O-12'), 'the register lacks it');
    await look(page, 'register');
    await page.context().close();
  });
}
