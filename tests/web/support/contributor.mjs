// What a contributor does on the site, beginning with an account.

export async function openDesk(page, site, name) {
  await page.goto(`${site}/register?then=desk`);
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("E-mail address").fill(`${name.replace(/\W/g, "-")}-${Date.now()}@example.org`);
  await page.getByLabel("Password").fill("Correct-horse-7-battery");
  await page.getByRole("button", { name: "Register" }).click();
  await page.getByRole("button", { name: "Open my desk" }).click();
  await page.getByRole("link", { name: "New article" }).waitFor();
}

// Publishes an article; answers its id.
export async function publish(page, site, { title, summary, markdown, tags, premium = false }) {
  await page.goto(`${site}/desk/new`);
  await page.getByLabel("Headline").fill(title);
  await page.getByLabel("Teaser").fill(summary);
  await page.getByLabel("Article", { exact: true }).fill(markdown);
  await page.getByLabel("Topics").fill(tags.join(", "));
  await page.getByLabel("Only premium readers").setChecked(premium);
  await page.getByRole("button", { name: "Publish" }).click();
  await page.waitForURL(/\/read\//);
  return new URL(page.url()).pathname.split("/").at(-1);
}

export async function withdraw(page, site, id) {
  await page.goto(`${site}/desk/edit/${id}`);
  await page.getByText("Withdraw this article").click();
  await page.getByRole("button", { name: "Withdraw" }).click();
  await page.waitForURL(/\/desk$/);
}
