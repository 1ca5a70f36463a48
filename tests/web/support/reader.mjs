// What a reader does on the site's pages, and what they see.

// The search has answered: { count, titles }; count is empty where trouble is told instead.
export async function results(page) {
  const count = page.locator("#count");
  await count.filter({ hasText: /^(?!Searching…)./ }).or(page.locator("#trouble:not([hidden])")).first().waitFor();
  return { count: await count.textContent(), titles: await page.locator("#hits .hit-title").allTextContents() };
}

// The article's page has its answer: its heading.
export async function heading(page) {
  await page.locator("#article[aria-busy=false]").waitFor();
  return page.locator("#title").textContent();
}

// Which side answered what: [side, path], the latest last.
export async function badge(page, path) {
  await page.locator(`#developer [data-asked="${path}"]`).waitFor();
  return page.locator("#developer li").evaluateAll((lines) => lines.map(({ dataset }) => [dataset.side, dataset.asked]));
}

// Types into a search box and waits for what it suggests.
export async function suggestions(page, box, text) {
  await page.locator(box).pressSequentially(text);
  await page.locator(`${box}[aria-expanded=true]`).waitFor();
  return page.locator(`${box}-suggestions [role=option]`).allTextContents();
}

// Goes on with the Tab key alone until `selector` has the focus.
export async function tabTo(page, selector) {
  for (let presses = 0; presses < 100; presses += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
  }
  throw new Error(`The Tab key does not lead to ${selector}.`);
}
