// The site's pages for readers: the monolith alone, and behind a façade where a new service answers as a test wants.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { accessibilityProblems, layoutProblems } from "./support/accessibility.mjs";
import { launchBrowser, screenshot } from "./support/browser.mjs";
import { startFakeFront } from "./support/fake-front.mjs";
import { startMonolith, SUBSCRIBE_URL } from "./support/monolith.mjs";
import { badge, heading, results, suggestions, tabTo } from "./support/reader.mjs";

const MODERN = { search: "modern", articles: "modern" };
const NARROW = { phone: true, viewport: { width: 360, height: 780 } };
const WIDE = { viewport: { width: 1920, height: 1080 } };
const UNAVAILABLE = { status: 503, detail: "This is not available for the moment. Try again soon." };
const HOSTILE = "<img src=x onerror=hacked=1> & <b>\"bold\"</b>";
const MARKDOWN = `The glacier **thrummed**, and [others](https://example.org/others) heard it *too*.

## What the ice says

> It is older than our words for it.

| Layer | Age |
| --- | --- |
| top | 1 year |
| bottom | 800,000 years |

1. Drill.
2. Listen.

\`\`\`
a line of code that is much longer than a narrow screen is wide, and that must not make the page scroll sideways
\`\`\`
`;

let browser, monolith, front, visits;

before(async () => {
  browser = await launchBrowser();
  monolith = await startMonolith();
  const thrumming = { tags: ["climate", "glaciers"], author: "ida-thornquist", byline: "Ida Thornquist" };
  await monolith.article({ ...thrumming, id: "thrumming-ice", title: "Thrumming ice tells how old it is", markdown: MARKDOWN });
  await monolith.article({
    ...thrumming, id: "thrumming-stars", title: "Thrumming stars keep time", tags: ["astronomy", "climate"], premium: true,
    summary: "Some stars are better clocks than ours.", publishedAt: "2026-11-19T08:00:00.000Z",
  });
  await monolith.article({ id: "withdrawn-one", status: "withdrawn" });
  await monolith.article({ id: "draft-one", status: "draft", publishedAt: undefined });
  await monolith.article({
    id: "hostile-one", title: `Hostile ${HOSTILE}`, summary: HOSTILE, byline: HOSTILE, markdown: `${HOSTILE}\n\n<script>hacked=1</script>`,
    publishedAt: "2016-11-18T08:00:00.000Z",
  });
  await monolith.rebuild();
});
after(async () => {
  await browser?.close();
  await monolith?.stop();
});
beforeEach(async () => {
  front = await startFakeFront(monolith.url);
  visits = [];
});
afterEach(async () => {
  // All is closed before anything is said: what stays open keeps the run from ending.
  for (const { context } of visits) await context.close();
  await front.close();
  assert.deepEqual(visits.flatMap(({ errors }) => errors), []);
});

async function open(path, options) {
  const visit = await browser.visit(`${front.url}${path}`, options);
  visits.push(visit);
  return visit.page;
}

async function isFine(page) {
  assert.deepEqual(await accessibilityProblems(page), []);
  assert.deepEqual(await layoutProblems(page), []);
}

const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);

// ---- Search ---------------------------------------------------------------------------------------------------------

test("a reader searches on the home page, reads, and comes back to what was found", async () => {
  const page = await open("/");
  await isFine(page);
  await screenshot(page, "site-home");
  await page.getByLabel("Search New Science").fill("thrumming");
  await page.keyboard.press("Enter");
  const found = await results(page);
  assert.deepEqual(found, { count: "2 articles", titles: ["Thrumming ice tells how old it is", "Thrumming stars keep time"] });
  assert.equal(await page.locator("#q").inputValue(), "thrumming");
  assert.equal(await page.title(), "thrumming – New Science");
  assert.match(await page.locator(".hit").nth(1).innerText(), /SPACE\s*PREMIUM[^]*Ida Thornquist · 19 November 2026/);
  await isFine(page);
  await screenshot(page, "site-search");
  await page.getByRole("link", { name: "Thrumming ice" }).click();
  assert.equal(await heading(page), "Thrumming ice tells how old it is");
  await page.goBack();
  assert.deepEqual(await results(page), found);
});

test("where the new service answers, found words are marked, and topics and authors narrow it down", async () => {
  Object.assign(front.modes, MODERN);
  const page = await open("/find?q=thrumming");
  assert.equal((await results(page)).count, "2 articles");
  assert.deepEqual(await page.locator("#hits em").allTextContents(), ["Thrumming", "Thrumming"]);
  assert.deepEqual(await page.locator("#facets h2").allTextContents(), ["Topics", "Authors"]);
  await isFine(page);
  await screenshot(page, "site-search-modern");
  await page.locator("#facets").getByRole("link", { name: "glaciers" }).click();
  assert.deepEqual((await results(page)).titles, ["Thrumming ice tells how old it is"]);
  await page.locator("#facets").getByRole("link", { name: "Ida Thornquist" }).click();
  await results(page);
  assert.equal(new URL(page.url()).search, "?q=thrumming&tag=glaciers&author=ida-thornquist");
  await page.getByRole("link", { name: "Remove the filter Ida Thornquist" }).waitFor();
  await isFine(page);
  await page.getByRole("link", { name: "Remove the filter glaciers" }).click();
  assert.equal((await results(page)).count, "2 articles");
  assert.equal(await page.locator("#facets h2").count(), 1, "one author is narrow enough");
});

test("a search without marks and facets shows none", async () => {
  const page = await open("/find?q=thrumming");
  await results(page);
  assert.equal(await page.locator("#hits em, .hit-snippets").count(), 0);
  assert.ok(await page.locator("#facets").isHidden());
});

test("a section has its name, and the form keeps filters, order and dates", async () => {
  const page = await open("/");
  await page.getByRole("navigation", { name: "Sections" }).getByRole("link", { name: "Climate" }).click();
  await results(page);
  assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "Climate");
  assert.equal(await page.locator("nav [aria-current=page]").textContent(), "Climate");
  await isFine(page);
  await page.getByLabel("Order").selectOption("Oldest first");
  await page.getByLabel("From").fill("2026-11-01");
  await page.getByLabel("Before").fill("2026-11-30");
  await page.locator("#find-form").getByRole("button", { name: "Search" }).click();
  const { titles } = await results(page);
  assert.deepEqual(titles, ["Thrumming stars keep time", "Thrumming ice tells how old it is"]);
  assert.deepEqual(await page.locator("#sort, #from, #to").evaluateAll((fields) => fields.map(({ value }) => value)), [
    "oldest", "2026-11-01", "2026-11-30",
  ]);
  assert.ok(front.asked.at(-1).includes("tag=climate"), front.asked.at(-1));
});

test("more results come at the end, each once, and the focus goes to the first of them", async () => {
  const page = await open("/find?q=ice&tag=climate");
  const { count, titles } = await results(page);
  const total = Number.parseInt(count, 10);
  assert.equal(titles.length, 20);
  assert.ok(total > 40, count);
  const more = page.getByRole("button", { name: "More results" });
  for (let shown = 20; shown < total; shown += 20) {
    await more.focus();
    await page.keyboard.press("Enter");
    await page.locator(`#hits > li:nth-child(${shown + 1}) a:focus`).waitFor();
  }
  assert.ok(await more.isHidden());
  const links = await page.locator("#hits .hit-title a").evaluateAll((all) => all.map(({ href }) => href));
  assert.deepEqual([links.length, new Set(links).size], [total, total]);
});

test("further results that do not come can be asked for again", async () => {
  const page = await open("/find?q=ice&tag=climate");
  await results(page);
  front.refusals["/search"] = UNAVAILABLE;
  await page.getByRole("button", { name: "More results" }).click();
  await page.getByText(UNAVAILABLE.detail).waitFor();
  delete front.refusals["/search"];
  assert.equal(await page.locator("#hits > li").count(), 20, "what was found stays");
  await page.getByRole("button", { name: "More results" }).click();
  await page.locator("#hits > li").nth(39).waitFor();
  assert.ok(await page.locator("#trouble").isHidden());
});

test("nothing found is said", async () => {
  const page = await open("/find?q=unheardof");
  assert.deepEqual(await results(page), { count: "Nothing found. Try fewer words, or others.", titles: [] });
  await isFine(page);
  await screenshot(page, "site-nothing-found");
});

test("a question that cannot be answered is refused in words", async () => {
  const page = await open("/find?q=ice&from=2026-11-30&to=2026-11-01");
  await results(page);
  assert.match(await page.getByRole("alert").textContent(), /from.*must be before/);
  assert.ok(await page.getByRole("button", { name: "Try again" }).isHidden());
  await isFine(page);
});

for (const [what, refusal, said] of [
  ["is not available", UNAVAILABLE, UNAVAILABLE.detail],
  ["breaks off", "drop", "There is no answer at the moment. Try again soon."],
]) {
  test(`a search that ${what} is said, and can be tried again with the keyboard`, async () => {
    front.refusals["/search"] = refusal;
    const page = await open("/find?q=thrumming");
    await page.getByRole("alert").getByText(said).waitFor();
    await isFine(page);
    if (refusal !== "drop") await screenshot(page, "site-search-failed");
    delete front.refusals["/search"];
    await tabTo(page, "#again");
    await page.keyboard.press("Enter");
    await page.locator("#hits > li").nth(1).waitFor();
    assert.ok(await page.locator("#trouble").isHidden());
    assert.equal(await focused(page), "find-title");
  });
}

test("suggestions are chosen with the keyboard", async () => {
  const page = await open("/find");
  await results(page);
  const expected = ["Thrumming ice tells how old it is", "Thrumming stars keep time"];
  assert.deepEqual(await suggestions(page, "#q", "thrum"), expected);
  const chosen = () => page.locator("#q-suggestions [aria-selected=true]").allTextContents();
  assert.deepEqual(await chosen(), []);
  await page.keyboard.press("ArrowUp");
  assert.deepEqual(await chosen(), expected.slice(1));
  await page.keyboard.press("ArrowDown");
  assert.deepEqual(await chosen(), expected.slice(0, 1));
  assert.equal(await page.locator("#q").getAttribute("aria-activedescendant"), "q-suggestions-0");
  assert.deepEqual(await accessibilityProblems(page), []);
  await screenshot(page, "site-suggestions");
  await page.keyboard.press("Escape");
  assert.ok(await page.locator("#q-suggestions").isHidden());
  await suggestions(page, "#q", "m");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  assert.equal(await heading(page), expected[0]);
});

test("suggestions that do not come leave the search as it is", async () => {
  const page = await open("/");
  front.refusals["/search/suggest"] = UNAVAILABLE;
  const answered = page.waitForResponse((response) => response.url().includes("/search/suggest"));
  await page.locator("#search").pressSequentially("thrumming");
  assert.equal((await answered).status(), 503);
  assert.equal(await page.locator("#search").getAttribute("aria-expanded"), "false");
  await page.keyboard.press("Enter");
  assert.equal((await results(page)).count, "2 articles");
});

test("a question is text, whatever it looks like", async () => {
  for (const modes of [{}, MODERN]) {
    Object.assign(front.modes, modes);
    const question = `"><script>hacked=1</script>${HOSTILE}`;
    const page = await open(`/find?q=${encodeURIComponent(question)}&tag=climate`);
    assert.equal((await results(page)).titles.length, 0);
    assert.equal(await page.locator("#q").inputValue(), question);
    assert.equal(await page.title(), `${question} – New Science`);
    assert.equal(await page.locator("[src=x], main script, main b").count(), 0);
  }
});

// ---- Articles -------------------------------------------------------------------------------------------------------

test("an article is shown with all that it has", async () => {
  const shown = [];
  for (const modes of [{}, MODERN]) {
    Object.assign(front.modes, modes);
    const page = await open("/read/thrumming-ice");
    assert.equal(await heading(page), "Thrumming ice tells how old it is");
    assert.equal(await page.title(), "Thrumming ice tells how old it is – New Science");
    assert.equal(await page.locator("#by").textContent(), "Ida Thornquist · 20 November 2026");
    assert.deepEqual(await page.locator("#tags li").allTextContents(), ["climate", "glaciers"]);
    for (const part of ["h2", "blockquote", "table", "ol > li", "pre", "strong", "em", "a[rel~=noopener]"]) {
      assert.ok((await page.locator(`#body ${part}`).count()) > 0, part);
    }
    assert.ok(await page.locator("#premium").isHidden());
    await isFine(page);
    shown.push(await page.locator("#article").innerHTML());
    await screenshot(page, "site-article");
    await page.getByRole("link", { name: "Ida Thornquist" }).click();
    await page.getByRole("heading", { level: 1, name: "Ida Thornquist" }).waitFor();
    await isFine(page);
    await screenshot(page, "site-author");
  }
  assert.equal(shown[0], shown[1], "the page is the same, whoever answers");
});

test("a premium article shows what it is about and how to become a premium reader", async () => {
  for (const modes of [{}, MODERN]) {
    Object.assign(front.modes, modes);
    const page = await open("/read/thrumming-stars");
    assert.equal(await heading(page), "Thrumming stars keep time");
    await page.getByText("Some stars are better clocks than ours.").waitFor();
    await page.getByRole("heading", { name: "The rest is for premium readers" }).waitFor();
    assert.equal(await page.getByRole("link", { name: "Become a premium reader" }).getAttribute("href"), SUBSCRIBE_URL);
    assert.ok(await page.locator("#body").isHidden());
    await isFine(page);
    await screenshot(page, "site-premium");
  }
});

for (const [id, title, sentence] of [
  ["withdrawn-one", "Withdrawn", "This article was withdrawn. It can no longer be read."],
  ["draft-one", "Not here", "There is no such article, or it is not published yet."],
  ["never-written", "Not here", "There is no such article, or it is not published yet."],
]) {
  test(`the page of ${id} says why there is nothing to read`, async () => {
    const page = await open(`/read/${id}`);
    assert.equal(await heading(page), title);
    assert.equal(await page.getByRole("alert").textContent(), sentence);
    assert.ok(await page.locator("#comments").isHidden());
    assert.ok(await page.getByRole("button", { name: "Try again" }).isHidden());
    await isFine(page);
    await screenshot(page, `site-${id}`);
    await page.getByRole("link", { name: "Search New Science", exact: true }).click();
    await results(page);
  });
}

for (const [what, refusal, said] of [
  ["is not available", UNAVAILABLE, UNAVAILABLE.detail],
  ["breaks off", "drop", "There is no answer at the moment. Try again soon."],
]) {
  test(`an article that ${what} is said, and can be tried again with the keyboard`, async () => {
    front.refusals["/articles/thrumming-ice"] = refusal;
    const page = await open("/read/thrumming-ice");
    assert.equal(await heading(page), "This article cannot be shown");
    await page.getByRole("alert").getByText(said).waitFor();
    await isFine(page);
    if (refusal !== "drop") await screenshot(page, "site-article-failed");
    delete front.refusals["/articles/thrumming-ice"];
    await tabTo(page, "#again");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "Thrumming ice" }).waitFor();
    await page.locator("#title:focus").waitFor();
    assert.ok(await page.locator("#trouble").isHidden());
  });
}

test("an article is text, whatever it looks like", async () => {
  for (const modes of [{}, MODERN]) {
    Object.assign(front.modes, modes);
    const page = await open("/find?q=hostile");
    assert.deepEqual((await results(page)).titles, [`Hostile ${HOSTILE}`]);
    assert.ok((await page.locator(".hit").innerText()).includes(`${HOSTILE} · 18 November 2016`));
    assert.deepEqual(await suggestions(page, "#search", "hostil"), [`Hostile ${HOSTILE}`]);
    assert.equal(await page.locator("[src=x], main b").count(), 0);
    await page.goto(`${front.url}/read/hostile-one`);
    assert.equal(await heading(page), `Hostile ${HOSTILE}`);
    assert.equal(await page.locator("#summary").textContent(), HOSTILE);
    assert.equal(await page.locator("[src=x], main b, main script, main [onerror]").count(), 0);
    assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
  }
});

test("marks are the only HTML of a search, and HTML of an article that could act does not", async () => {
  Object.assign(front.modes, MODERN);
  front.rewrite = (body) => ({
    ...body,
    ...(body.html && { html: `<p>Still here.</p><img src=x onerror="hacked=1"><script>hacked=1</script>` }),
    ...(body.hits && {
      hits: body.hits.map((hit) => ({ ...hit, highlights: { title: `<em>Ice</em>${HOSTILE}`, body: [`<i>${HOSTILE}</i><em onclick="hacked=1">ice</em>`] } })),
    }),
  });
  const page = await open("/find?q=thrumming");
  assert.equal((await results(page)).titles[0], 'Ice & "bold"');
  assert.equal(await page.locator("[src=x], main b, main i, [onclick]").count(), 0);
  await page.goto(`${front.url}/read/thrumming-ice`);
  await heading(page);
  await page.getByText("Still here.").waitFor();
  const [visit] = visits;
  // The picture that is not there has failed by then, and its handler was refused.
  await page.waitForFunction(() => document.querySelector("#body img")?.complete);
  assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
  assert.ok(visit.errors.splice(0).every((error) => error.includes("Content Security Policy")));
});

// ---- Every page -----------------------------------------------------------------------------------------------------

test("a reader needs no mouse", async () => {
  const page = await open("/");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("Enter");
  assert.equal(await focused(page), "content");
  await page.reload();
  await tabTo(page, "#search");
  await page.keyboard.type("thrumming");
  await page.keyboard.press("Enter");
  await results(page);
  await tabTo(page, ".hit-title a");
  await page.keyboard.press("Enter");
  assert.equal(await heading(page), "Thrumming ice tells how old it is");
  await tabTo(page, "#tags a");
  await page.keyboard.press("Enter");
  await results(page);
  assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "Climate");
});

for (const [name, options] of [["narrow", NARROW], ["wide", WIDE]]) {
  test(`every page fits a ${name} screen`, async () => {
    Object.assign(front.modes, MODERN);
    for (const [path, picture] of [["/", "home"], ["/find?q=thrumming", "search"], ["/read/thrumming-ice", "article"], ["/read/thrumming-stars", "premium"]]) {
      const page = await open(`${path}${path.includes("?") ? "&" : "?"}dev=1`, options);
      if (picture === "search") await results(page);
      else if (picture !== "home") await heading(page);
      await isFine(page);
      await screenshot(page, `site-${name}-${picture}`);
    }
  });
}

test("who has no scripts is told what is missing", async () => {
  for (const [path, sentence] of [["/find", "This page needs JavaScript to search."], ["/read/thrumming-ice", "This page needs JavaScript to show the article."]]) {
    const page = await open(path, { javaScriptEnabled: false });
    await page.locator("noscript .error-box").waitFor();
    assert.equal(await page.locator("noscript .error-box").textContent(), sentence);
    assert.ok(!(await page.getByText("Loading").isVisible()));
  }
});

// ---- Developer mode -------------------------------------------------------------------------------------------------

test("developer mode says which side answered what, in this tab until it is ended", async () => {
  const page = await open("/find?q=thrumming&dev=1");
  await results(page);
  assert.deepEqual(await badge(page, "/search"), [["monolith", "/search"]]);
  assert.match(await page.locator("#developer").innerText(), /^monolith \/search 200 · \d+ ms$/);
  assert.ok(!front.asked.some((asked) => asked.includes("dev=")), "the question is the reader's alone");
  await isFine(page);
  front.modes.search = "modern";
  await suggestions(page, "#search", "thrum");
  assert.deepEqual(await badge(page, "/search/suggest"), [["monolith", "/search"], ["modern", "/search/suggest"]]);
  await screenshot(page, "site-developer");
  await page.goto(`${front.url}/read/thrumming-ice`);
  assert.deepEqual(await badge(page, "/articles/thrumming-ice"), [["monolith", "/articles/thrumming-ice"]]);
  front.modes.articles = "modern";
  front.refusals["/articles/thrumming-ice"] = UNAVAILABLE;
  await page.reload();
  assert.deepEqual(await badge(page, "/articles/thrumming-ice"), [["modern", "/articles/thrumming-ice"]]);
  assert.match(await page.locator("#developer").innerText(), /503/);
  await page.goto(`${front.url}/read/thrumming-ice?dev=0`);
  await heading(page);
  assert.equal(await page.locator("#developer").count(), 0);
  const other = await open("/find?q=thrumming");
  await results(other);
  assert.equal(await other.locator("#developer").count(), 0);
});
