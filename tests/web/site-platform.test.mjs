// The site behind the façade of the deployed platform, in every mode of its routes: `make up` first.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { accessibilityProblems } from "./support/accessibility.mjs";
import { launchBrowser, screenshot } from "./support/browser.mjs";
import { openDesk, publish, withdraw } from "./support/contributor.mjs";
import { exportOf, rebuildSearch } from "./support/monolith.mjs";
import { badge, heading, results } from "./support/reader.mjs";
import { readStack, steer, steering } from "./support/stack.mjs";

const WHY = "browser test";
const ROUTES = ["search", "articles"];
// What is exported is imported, announced and indexed.
const IMPORT_SECONDS = 120;
const TAG = `browser-${Date.now().toString(36)}`;
const MARKDOWN = "Old **air**, and *older* ice.\n\n## What it says\n\n> Listen.\n\n| Layer | Age |\n| --- | --- |\n| top | 1 year |\n";

let stack, browser, formerly;
const articles = {};
// What a page said in the first mode, by its name: it says so in every mode.
const said = new Map();
const visits = [];

before(async () => {
  stack = await readStack();
  browser = await launchBrowser();
  formerly = await steering(stack);
  for (const route of ROUTES) await steer(route, { mode: "monolith" }, WHY);
  await writeArticles();
  for (const route of ROUTES) await steer(route, { mode: "modern" }, WHY);
  await imported();
});
after(async () => {
  await browser?.close();
  for (const route of ROUTES) {
    if (formerly) await steer(route, formerly[route], "browser test: as it was before");
  }
});
afterEach(async () => {
  const errors = [];
  for (const visit of visits.splice(0)) {
    await visit.context.close();
    errors.push(...visit.errors);
  }
  assert.deepEqual(errors, []);
});

// At the monolith's desk, where articles are written until the last of its routes has left.
async function writeArticles() {
  const { url, database, tokenFile } = stack.standIns.monolith;
  const send = await exportOf(database);
  const { page, context } = await browser.visit(stack.front);
  await openDesk(page, stack.front, "Ida Thornquist");
  const common = { summary: "What the bubbles say.", markdown: MARKDOWN, tags: ["climate", TAG] };
  articles.free = await publish(page, stack.front, { ...common, title: "Thrumming ice tells how old it is" });
  articles.premium = await publish(page, stack.front, { ...common, title: "Thrumming stars keep time", premium: true });
  articles.withdrawn = await publish(page, stack.front, { ...common, title: "Thrumming was nothing but noise" });
  await withdraw(page, stack.front, articles.withdrawn);
  await context.close();
  await rebuildSearch(url, (await readFile(tokenFile, "utf8")).trim());
  await send(`${stack.endpoint}/${stack.buckets.import}`);
}

async function imported() {
  const deadline = Date.now() + IMPORT_SECONDS * 1000;
  const state = async () => {
    const found = await fetch(`${stack.front}/search?tag=${TAG}`).then((answer) => answer.json());
    const read = [articles.free, articles.premium, articles.withdrawn].map((id) => fetch(`${stack.front}/articles/${id}`));
    return [found.total, ...(await Promise.all(read)).map(({ status }) => status)].join();
  };
  for (let seen = ""; seen !== "2,200,200,410"; seen = await state()) {
    if (Date.now() > deadline) throw new Error(`After ${IMPORT_SECONDS} s the new service says: ${seen}`);
    await sleep(500);
  }
}

async function visitor(options) {
  const visit = await browser.visit(`${stack.front}/?dev=1`, options);
  visits.push(visit);
  return visit.page;
}

// A visitor whom the façade has drawn a number for, from 0 to 99: a canary's share are the lowest.
async function drawn(number) {
  const page = await visitor();
  await page.context().addCookies([{ name: "ns_bucket", value: String(number), url: stack.front }]);
  return page;
}

// Searches and reads, and checks that all is there and that the badge names `side`; `picture` names the screenshots.
async function readsAll(page, side, picture) {
  await page.goto(`${stack.front}/find?q=thrumming&tag=${TAG}`);
  const { count, titles } = await results(page);
  assert.deepEqual([count, titles.sort()], ["2 articles", ["Thrumming ice tells how old it is", "Thrumming stars keep time"]]);
  assert.deepEqual(await badge(page, "/search"), [[side, "/search"]]);
  const marks = await page.locator("#hits em").allTextContents();
  assert.equal(marks.length > 0, side === "modern", "the new service marks what was found");
  assert.equal(await page.locator("#facets").isVisible(), side === "modern", "and says how to narrow it down");
  assert.deepEqual(await accessibilityProblems(page), []);
  await screenshot(page, `${picture}-search`);

  await page.getByRole("link", { name: "Thrumming ice" }).click();
  await shows(page, side, "free", "Thrumming ice tells how old it is");
  await page.locator("#body table").waitFor();
  assert.deepEqual(await accessibilityProblems(page), []);
  await screenshot(page, `${picture}-article`);
  await page.goto(`${stack.front}/read/${articles.premium}`);
  await shows(page, side, "premium", "Thrumming stars keep time");
  await page.getByRole("heading", { name: "The rest is for premium readers" }).waitFor();
  await page.goto(`${stack.front}/read/${articles.withdrawn}`);
  await shows(page, side, "withdrawn", "Withdrawn");
}

async function shows(page, side, article, title) {
  assert.equal(await heading(page), title);
  const path = `/articles/${articles[article]}`;
  assert.deepEqual(await badge(page, path), [[side, path]]);
  const html = await page.locator("#article").innerHTML();
  if (!said.has(article)) said.set(article, html);
  assert.equal(html, said.get(article), "a page is the same in every mode");
}

for (const [steered, side] of [
  [{ mode: "modern" }, "modern"],
  [{ mode: "shadow", percent: 100 }, "monolith"],
  [{ mode: "monolith" }, "monolith"],
]) {
  test(`in mode ${steered.mode} the same pages show the same articles, and the badge names the ${side} side`, async () => {
    for (const route of ROUTES) await steer(route, steered, WHY);
    await readsAll(await visitor(), side, `platform-site-${steered.mode}`);
  });
}

test("in mode canary each visitor stays on one side, and both see the same articles", async () => {
  for (const route of ROUTES) await steer(route, { mode: "canary", percent: 50 }, WHY);
  for (const [number, side] of [[0, "modern"], [49, "modern"], [50, "monolith"], [99, "monolith"]]) {
    await readsAll(await drawn(number), side, `platform-site-canary-${side}`);
  }
  // Who comes without a number is given one, and keeps it.
  const page = await visitor();
  await page.goto(`${stack.front}/find?tag=${TAG}`);
  await results(page);
  const number = (await page.context().cookies()).find(({ name }) => name === "ns_bucket").value;
  await readsAll(page, Number(number) < 50 ? "modern" : "monolith", "platform-site-canary");
});
