// What every walk through the room does: steps that are counted, and the ways that all take.

let passed = 0;
let failed = 0;

export async function step(name, work) {
  try {
    await work();
    passed += 1;
    console.log(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    const told = String(error.message ?? error).split('\n').slice(0, 8);
    console.log(`FAIL  ${name}\n      ${told.join('\n      ')}`);
  }
}

/** Prints the closing line; the exit code. */
export function closing() {
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

export function equal(got, wanted, what) {
  if (got !== wanted) throw new Error(`${what}: got ${got}, wanted ${wanted}`);
}

export function holds(truth, what) {
  if (!truth) throw new Error(what);
}

export async function enter(page, room, person) {
  await page.goto(room.link(person));
  await page.click('main button[type=submit]');
  await page.waitForURL(`${room.origin}/cases`);
}

export async function openCase(page, room) {
  await page.goto(`${room.origin}/cases`);
  await page.click('main a[href^="/cases/"]');
  await page.waitForURL(/\/cases\/[0-9a-f]{32}$/);
}

export async function openItem(page, room, reference) {
  await openCase(page, room);
  await page.click(`main a:text-is("${reference}")`);
  await page.waitForURL(/\/items\/[0-9a-f]{32}$/);
}
