// What a visitor does on the page, and what they see.

export async function signIn(page, email, password) {
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

export async function subscribe(page, label = "A card that works") {
  await page.getByLabel(label).check();
  await page.getByRole("button", { name: "Subscribe" }).click();
}

// Waits until the progress shows one of `statuses`; answers which.
export async function seesStatus(page, statuses, { timeout = 15_000 } = {}) {
  const wanted = [statuses].flat().map((status) => `#progress:not([hidden])[data-status=${status}]`).join(", ");
  return (await page.waitForSelector(wanted, { timeout })).getAttribute("data-status");
}

export async function seesDelay(page, delayed, { timeout = 15_000 } = {}) {
  await page.locator("#delay").waitFor({ state: delayed ? "visible" : "hidden", timeout });
}

export async function reference(page) {
  return page.locator("#progress-key").textContent();
}
