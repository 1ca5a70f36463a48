// The monolith by itself, with made-up articles and with those that a test hands in.

import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const PROGRAM = process.env.MONOLITH_PATH ?? fileURLToPath(new URL("../../../target/stand-ins/monolith", import.meta.url));
export const SUBSCRIBE_URL = "https://example.org/premium";
const TOKEN = "token-of-operators";
const ARTICLE = {
  version: 1, status: "published", title: "Ice remembers", summary: "What the bubbles say.", markdown: "Old *air*.",
  author: "ada-ice", byline: "Ada Ice", tags: ["climate"], premium: false,
  publishedAt: "2026-11-20T09:30:00.000Z", updatedAt: "2026-11-20T09:30:00.000Z",
};

const run = promisify(execFile);

export async function startMonolith() {
  const folder = await mkdtemp(join(tmpdir(), "web-monolith-"));
  const database = join(folder, "site.db");
  const tokenFile = join(folder, "token");
  await writeFile(tokenFile, TOKEN);
  await run(PROGRAM, ["corpus", "--db", database, "--seed", "7", "--articles", "1000"]);
  const settings = ["--db", database, "--rebuild-seconds", "0", "--internal-token-file", tokenFile, "--subscribe-url", SUBSCRIBE_URL];
  const child = spawn(PROGRAM, ["serve", ...settings], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const url = await address(child, ended);
  return {
    url,
    // An article of any state, as the articles service feeds it back; what is left out is ARTICLE's.
    async article(article) {
      await operate(url, `internal/articles/${article.id}/feed`, TOKEN, { ...ARTICLE, ...article });
    },
    // The search finds what was handed in since the last time.
    rebuild: () => rebuildSearch(url, TOKEN),
    async stop() {
      child.kill();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

// What operators do when readers cannot wait for the batch job.
export const rebuildSearch = (url, token) => operate(url, "admin/rebuild-search", token);

// Exports changes as DMS would: the answer sends those that are committed from now on to a bucket.
export async function exportOf(database) {
  const folder = await mkdtemp(join(tmpdir(), "web-export-"));
  const options = ["--db", database, "--position", join(folder, "position")];
  await run(PROGRAM, ["export", ...options, "--what", "full-load", "--to", join(folder, "before")]);
  return async (bucket) => {
    await run(PROGRAM, ["export", ...options, "--what", "changes", "--to", bucket]);
    await rm(folder, { recursive: true });
  };
}

async function address(child, ended) {
  const listens = (async () => {
    for await (const line of createInterface(child.stdout)) {
      const url = /^listening on (\S+)/.exec(line)?.[1];
      if (url) return url;
    }
    return null;
  })();
  const url = await Promise.race([listens, ended.then(() => null)]);
  if (!url) throw new Error(`${PROGRAM} ended before it listened.`);
  return url;
}

async function operate(url, path, token, body = undefined) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const response = await fetch(`${url}/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: HTTP ${response.status} ${await response.text()}`);
}
