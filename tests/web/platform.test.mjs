// The subscribe page on the deployed platform: `make up` first.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { accessibilityProblems } from "./support/accessibility.mjs";
import { launchBrowser, screenshot } from "./support/browser.mjs";
import { captures, newCustomer, operate, readStack } from "./support/stack.mjs";
import { reference, seesDelay, seesStatus, signIn, subscribe } from "./support/subscriber.mjs";

// The saga takes seconds; a circuit that closes has to wait for the pipe to start again.
const OUTCOME = { timeout: 60_000 };
const AFTER_THE_CIRCUIT = { timeout: 180_000 };

let stack, browser;
let visits = [];

before(async () => {
  stack = await readStack();
  browser = await launchBrowser();
});
after(() => browser?.close());
afterEach(async () => {
  for (const { context, errors } of visits.splice(0)) {
    await context.close();
    assert.deepEqual(errors, []);
  }
});

async function signedIn(customer, options) {
  const visit = await browser.visit(stack.page, options);
  visits.push(visit);
  await signIn(visit.page, customer.email, customer.password);
  return visit.page;
}

test("202 turns into active, on this device, after a reload and on another one", async () => {
  const customer = await newCustomer(stack, "ada");
  const page = await signedIn(customer);
  await subscribe(page);
  await seesStatus(page, ["unrecorded", "accepted", "processing", "retrying", "active"]);
  const key = await reference(page);
  await page.reload();
  await seesStatus(page, "active", OUTCOME);
  assert.equal(await reference(page), key);
  assert.deepEqual(await accessibilityProblems(page), []);
  await screenshot(page, "platform-active");
  const phone = await signedIn(customer, { phone: true });
  await seesStatus(phone, "active", OUTCOME);
  assert.equal(await reference(phone), key);
  await screenshot(phone, "platform-phone-active");
  assert.equal(await captures(stack, customer, key), 1);
});

test("a declined card is said, and another one works", async () => {
  const customer = await newCustomer(stack, "grace");
  const page = await signedIn(customer);
  await subscribe(page, "A card that its issuer declines");
  await seesStatus(page, "declined", OUTCOME);
  await screenshot(page, "platform-declined");
  await page.getByRole("button", { name: "Try again" }).click();
  await subscribe(page);
  await seesStatus(page, "active", OUTCOME);
  assert.equal(await captures(stack, customer, await reference(page)), 1);
});

test("a wrong password is refused", async () => {
  const customer = await newCustomer(stack, "eve");
  const page = await signedIn({ ...customer, password: "Not-the-password-1" });
  await page.getByText("The e-mail address or the password is not right.").waitFor();
});

test("the box is there while the circuit is open; what was asked for meanwhile becomes active", async () => {
  const customer = await newCustomer(stack, "hedy");
  const page = await signedIn(customer);
  await seesDelay(page, false);
  await page.evaluate(() => { globalThis.neverReloaded = true; });
  await operate("open-circuit", "browser test: the payment provider is under repair");
  let closed = false;
  try {
    await seesDelay(page, true, AFTER_THE_CIRCUIT);
    await subscribe(page);
    await seesStatus(page, "accepted", OUTCOME);
    assert.deepEqual(await accessibilityProblems(page), []);
    await screenshot(page, "platform-delayed");
    assert.equal(await captures(stack, customer, await reference(page)), 0);
    await operate("close-circuit", "browser test: repaired");
    closed = true;
  } finally {
    // The tests after this one want a pipeline that runs.
    if (!closed) await operate("close-circuit", "browser test: cleaning up");
  }
  await seesDelay(page, false, AFTER_THE_CIRCUIT);
  await seesStatus(page, "active", AFTER_THE_CIRCUIT);
  assert.equal(await page.evaluate(() => globalThis.neverReloaded), true);
  assert.equal(await captures(stack, customer, await reference(page)), 1);
  await screenshot(page, "platform-recovered");
});
