// A headless Chromium: an installed one, or the one that @sparticuz/chromium brings.

import { constants } from "node:fs";
import { access, mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const TARGET = fileURLToPath(new URL("../../../target/", import.meta.url));
const SCREENSHOTS = join(TARGET, "web");
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
// No sandbox: it needs rights that containers do not give. The rest keeps the browser off the network.
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
const PHONE = { viewport: { width: 375, height: 812 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
const DESKTOP = { viewport: { width: 1280, height: 860 } };

// A browser with a fresh profile: { visit(url, …), close() }. CHROMIUM_PATH names one; else it is looked for.
export async function launchBrowser() {
  const executablePath = process.env.CHROMIUM_PATH ?? (await installed()) ?? (await bundled());
  const browser = await chromium.launch({ executablePath, headless: true, args: FLAGS });
  return {
    // Another visitor, or another device of the same one: nothing is shared between visits. `more` are Playwright's options.
    async visit(url, { phone = false, ...more } = {}) {
      const context = await browser.newContext({ ...(phone ? PHONE : DESKTOP), ...more, locale: "en-GB", reducedMotion: "reduce" });
      const page = await context.newPage();
      const errors = [];
      page.on("pageerror", (error) => errors.push(String(error)));
      page.on("console", (message) => {
        const refused = /Content Security Policy|SyntaxError|TypeError/.test(message.text());
        if (refused) errors.push(message.text());
      });
      await page.goto(url);
      return { page, context, errors };
    },
    close: () => browser.close(),
  };
}

async function installed() {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of NAMES) {
      const path = join(folder, name);
      if (await access(path, constants.X_OK).then(() => true, () => false)) return path;
    }
  }
  return null;
}

async function bundled() {
  // It unpacks into the temporary folder and takes whatever is there for its own: one folder a version.
  const manifest = createRequire(import.meta.url).resolve("@sparticuz/chromium").replace(/build\/.*$/, "package.json");
  const { version } = JSON.parse(await readFile(manifest, "utf8"));
  const folder = join(TARGET, "web", "chromium", version);
  await mkdir(folder, { recursive: true });
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  try {
    const { default: packaged } = await import("@sparticuz/chromium");
    return await packaged.executablePath();
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}

// Kept for people to look at.
export async function screenshot(page, name) {
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}
