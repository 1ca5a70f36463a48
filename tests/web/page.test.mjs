// The subscribe page against a platform that answers what a test wants.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { accessibilityProblems, layoutProblems } from "./support/accessibility.mjs";
import { launchBrowser, screenshot } from "./support/browser.mjs";
import { startFakePlatform } from "./support/fake-platform.mjs";
import { reference, seesDelay, seesStatus, signIn, subscribe } from "./support/subscriber.mjs";

const PASSWORD = "correct horse";
let browser, platform, visits;

before(async () => { browser = await launchBrowser(); });
after(() => browser?.close());
beforeEach(async () => {
  platform = await startFakePlatform();
  visits = [];
});
afterEach(async () => {
  // All is closed before anything is said: what stays open keeps the run from ending.
  for (const { context } of visits) await context.close();
  await platform.close();
  assert.deepEqual(visits.flatMap(({ errors }) => errors), []);
});

async function open(options) {
  const visit = await browser.visit(platform.url, options);
  visits.push(visit);
  return visit.page;
}

async function signedIn(options, customer = "ada") {
  const page = await open(options);
  await signIn(page, `${customer}@example.com`, PASSWORD);
  return page;
}

test("a customer signs in, subscribes and sees accepted turn into active", async () => {
  const page = await open();
  await page.getByRole("heading", { name: "Sign in to subscribe" }).waitFor();
  assert.deepEqual(await accessibilityProblems(page), []);
  await screenshot(page, "sign-in");
  await signIn(page, "ada@example.com", PASSWORD);
  await page.getByRole("heading", { name: "Become a premium reader" }).waitFor();
  assert.deepEqual(await accessibilityProblems(page), []);
  await screenshot(page, "subscribe");
  await page.getByLabel("Send me the weekly letter").check();
  await subscribe(page);
  await seesStatus(page, "accepted");
  await screenshot(page, "accepted");
  const key = await reference(page);
  assert.match(key, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual(platform.posts, [
    { key, sub: "ada", body: { tier: "premium", paymentMethod: "pm_cardVisa4242", newsletter: true } },
  ]);
  platform.set(key, "processing");
  await seesStatus(page, "processing");
  assert.deepEqual(await accessibilityProblems(page), []);
  await screenshot(page, "processing");
  platform.set(key, "active");
  await seesStatus(page, "active");
  assert.deepEqual(await accessibilityProblems(page), []);
  await screenshot(page, "active");
});

test("every status is said in words of its own", async () => {
  const page = await signedIn();
  await subscribe(page);
  await seesStatus(page, "accepted");
  const key = await reference(page);
  const titles = new Set();
  // Those that end last: the page does not look again after them.
  for (const status of ["retrying", "processing", "parked"]) {
    platform.set(key, status);
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await seesStatus(page, status);
    titles.add(await page.locator("#progress-title").textContent());
    assert.deepEqual(await accessibilityProblems(page), []);
    await screenshot(page, status);
  }
  for (const status of ["declined", "refunded"]) {
    platform.set(key, status, "The payment was declined. Nothing was charged.");
    await page.reload();
    await seesStatus(page, status);
    titles.add(await page.locator("#progress-title").textContent());
    await page.getByRole("button", { name: "Try again" }).waitFor();
    assert.deepEqual(await accessibilityProblems(page), []);
    await screenshot(page, status);
  }
  assert.equal(titles.size, 5);
});

test("after a decline a new try is a new request", async () => {
  platform.firstStatus = "declined";
  const page = await signedIn();
  await subscribe(page, "A card that its issuer declines");
  await seesStatus(page, "declined");
  assert.equal(await page.locator("#progress-text").textContent(), "The payment was declined. Nothing was charged.");
  platform.firstStatus = "active";
  await page.getByRole("button", { name: "Try again" }).click();
  await subscribe(page);
  await seesStatus(page, "active");
  assert.equal(new Set(platform.posts.map((post) => post.key)).size, 2);
});

test("the box appears while processing is delayed and goes without a reload", async () => {
  const page = await open();
  await seesDelay(page, false);
  platform.processing = {
    state: "delayed",
    message: "We are waiting for the payment provider. Your request is safe.",
    since: new Date().toISOString(),
  };
  await seesDelay(page, true);
  assert.deepEqual(await accessibilityProblems(page), []);
  await screenshot(page, "delayed");
  platform.processing = { state: "normal", message: "", since: null };
  await seesDelay(page, false);
});

test("a reload goes on with the same request and asks for no password", async () => {
  const page = await signedIn();
  await subscribe(page);
  await seesStatus(page, "accepted");
  const key = await reference(page);
  await page.reload();
  await seesStatus(page, "accepted");
  assert.equal(await reference(page), key);
  assert.equal(platform.posts.length, 1);
  platform.set(key, "active");
  await seesStatus(page, "active");
});

test("a reload before an answer sends the same key again", async () => {
  platform.refusals.push({ status: 503, body: null, headers: { "retry-after": "60" } });
  const page = await signedIn();
  await subscribe(page);
  await page.getByText("Something on our side did not work").waitFor();
  await screenshot(page, "trouble");
  await page.reload();
  await seesStatus(page, "accepted");
  const keys = platform.posts.map((post) => post.key);
  assert.equal(keys.length, 2);
  assert.equal(keys[0], keys[1]);
});

test("a connection that breaks is tried again with the same key", async () => {
  platform.refusals.push("drop", { status: 429, body: null, headers: { "retry-after": "1" } });
  const page = await signedIn();
  await subscribe(page);
  await seesStatus(page, "accepted");
  // The browser itself may repeat a dropped request once.
  assert.ok(platform.posts.length >= 3);
  assert.equal(new Set(platform.posts.map((post) => post.key)).size, 1);
  assert.equal(platform.subscriptions.size, 1);
});

test("before it is recorded the request is shown as accepted", async () => {
  platform.records = false;
  const page = await signedIn();
  await subscribe(page);
  await seesStatus(page, "unrecorded");
  const key = await reference(page);
  platform.subscriptions.set(key, { sub: "ada" });
  platform.set(key, "processing");
  await seesStatus(page, "processing");
});

test("another device shows the subscription after signing in", async () => {
  const page = await signedIn();
  await subscribe(page);
  await seesStatus(page, "accepted");
  const phone = await signedIn({ phone: true });
  await seesStatus(phone, "accepted");
  assert.equal(await reference(phone), await reference(page));
  assert.equal(platform.posts.length, 1);
});

test("another customer of the same browser sees nothing of it", async () => {
  const page = await signedIn();
  await subscribe(page);
  await seesStatus(page, "accepted");
  await page.getByRole("button", { name: "Sign out" }).click();
  await signIn(page, "grace@example.com", PASSWORD);
  await page.getByRole("heading", { name: "Become a premium reader" }).waitFor();
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage }));
  assert.ok(!kept.includes("Bearer") && !kept.includes("e30."), "no token is kept beyond the tab");
});

test("a session that ends asks for the password and then goes on", async () => {
  const page = await signedIn();
  await subscribe(page);
  await seesStatus(page, "accepted");
  const key = await reference(page);
  platform.expired = true;
  await page.getByText("your request is safe").waitFor();
  await screenshot(page, "session-ended");
  platform.set(key, "active");
  await signIn(page, "ada@example.com", PASSWORD);
  await seesStatus(page, "active");
  assert.equal(platform.posts.length, 1);
});

test("a wrong password and an empty form are said, not sent", async () => {
  const page = await open();
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Please enter your e-mail address.").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "email");
  assert.deepEqual(await accessibilityProblems(page), []);
  await signIn(page, "ada@example.com", "wrong");
  await page.getByText("The e-mail address or the password is not right.").waitFor();
});

test("a card number never leaves the page", async () => {
  const page = await signedIn();
  await page.getByLabel("Another payment method token").check();
  for (const number of ["4242 4242 4242 4242", "4242424242424242", "pm_4242424242424242"]) {
    await page.getByLabel("Payment method token", { exact: true }).fill(number);
    await page.getByRole("button", { name: "Subscribe" }).click();
    await page.getByText("This looks like a card number.").waitFor();
  }
  await screenshot(page, "card-number");
  assert.equal(await page.evaluate(() => document.activeElement.id), "token");
  await page.getByLabel("Payment method token", { exact: true }).fill("visa");
  await page.getByRole("button", { name: "Subscribe" }).click();
  await page.getByText("begins with pm_").waitFor();
  assert.deepEqual(platform.posts, []);
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  assert.ok(!kept.includes("4242"));
});

test("a refusal names the field and the next try is a new request", async () => {
  platform.refusals.push({
    status: 400,
    body: { type: "about:blank", title: "Bad Request", status: 400, detail: "The body is not valid: [paymentMethod does not match its pattern]" },
  });
  const page = await signedIn();
  await subscribe(page);
  await page.getByText("Please check the payment method.").waitFor();
  await page.getByText("This payment method was not accepted.").waitFor();
  assert.deepEqual(await accessibilityProblems(page), []);
  await screenshot(page, "refused");
  await subscribe(page);
  await seesStatus(page, "accepted");
  assert.notEqual(platform.posts[0].key, platform.posts[1].key);
});

test("the page fits a phone", async () => {
  platform.processing = { state: "delayed", message: "We are waiting for the payment provider.", since: new Date().toISOString() };
  const page = await open({ phone: true });
  await seesDelay(page, true);
  await screenshot(page, "phone-sign-in");
  assert.deepEqual(await layoutProblems(page), []);
  await signIn(page, "ada@example.com", PASSWORD);
  await page.getByRole("heading", { name: "Become a premium reader" }).waitFor();
  assert.deepEqual(await layoutProblems(page), []);
  await screenshot(page, "phone-subscribe");
  await subscribe(page);
  await seesStatus(page, "accepted");
  assert.deepEqual(await layoutProblems(page), []);
  await screenshot(page, "phone-accepted");
});

test("it can be used with the keyboard alone", async () => {
  const page = await open();
  await page.getByLabel("E-mail address").waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.getByLabel("E-mail address").focus();
  await page.keyboard.type("ada@example.com");
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Become a premium reader" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Become a premium reader");
  await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await seesStatus(page, "accepted");
  assert.equal(platform.posts[0].body.paymentMethod, "pm_declinedCard");
  assert.equal(await page.evaluate(() => document.activeElement.id), "progress-title");
});
