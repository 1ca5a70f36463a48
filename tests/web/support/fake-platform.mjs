// A platform in one process for the page alone: user pool and API as the page sees them, every answer chosen by the test.

import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { listen, read, send } from "./server.mjs";

const PUBLIC = fileURLToPath(new URL("../../stand-ins/site/public/", import.meta.url));
const TYPES = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };
const MESSAGES = { declined: "The payment was declined. Nothing was charged." };
const EXPOSED = "Retry-After, Location";

export async function startFakePlatform() {
  const platform = {
    // sub → the password that signs in; the e-mail address is `${sub}@example.com`
    passwords: new Map([["ada", "correct horse"], ["grace", "correct horse"]]),
    // key → { key, status, since, message, sub }
    subscriptions: new Map(),
    processing: { state: "normal", message: "", since: null },
    // What the next POST /subscriptions are answered with instead: { status, body, headers } or "drop"; in this order
    refusals: [],
    // Every POST /subscriptions that came in: { key, body, sub }
    posts: [],
    expired: false,
    // Whether accepted requests are recorded at once; if not, GET answers 404
    records: true,
    // The status that a newly recorded subscription has
    firstStatus: "accepted",
    set(key, status, message = "") {
      platform.subscriptions.set(key, { ...platform.subscriptions.get(key), key, status, message, since: new Date().toISOString() });
    },
  };
  const api = await listen((request, response) => answerApi(platform, request, response));
  const site = await listen((request, response) => answerSite(api.url, request, response));
  return Object.assign(platform, { url: site.url, close: () => Promise.all([api.close(), site.close()]) });
}

// The page under the policy that the site's stand-in sends: what it forbids, breaks here too.
async function answerSite(api, request, response) {
  const { pathname } = new URL(request.url, "http://site");
  const policy = `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ${api}; base-uri 'none'; form-action 'none'`;
  response.setHeader("content-security-policy", policy);
  if (pathname === "/config.json") {
    const config = {
      api: `${api}/stage`,
      cognito: { endpoint: `${api}/cognito`, clientId: "client", region: "eu-central-1" },
      price: { minor: 1200, currency: "eur" },
      termDays: 30,
      testPaymentMethods: [
        { id: "pm_cardVisa4242", label: "A card that works" },
        { id: "pm_declinedCard", label: "A card that its issuer declines" },
      ],
    };
    return send(response, 200, config);
  }
  const path = normalize(join(PUBLIC, pathname === "/" ? "index.html" : pathname));
  const content = path.startsWith(PUBLIC) ? await readFile(path).catch(() => null) : null;
  if (content === null) return send(response, 404, {});
  response.writeHead(200, { "content-type": TYPES[extname(path)] }).end(content);
}

async function answerApi(platform, request, response) {
  response.setHeader("access-control-allow-origin", "*");
  response.setHeader("access-control-allow-headers", "authorization, content-type, idempotency-key, x-amz-target");
  response.setHeader("access-control-expose-headers", EXPOSED);
  if (request.method === "OPTIONS") return response.writeHead(204).end();
  const body = (await read(request)).toString();
  const { pathname } = new URL(request.url, "http://api");
  if (pathname === "/cognito/") return signIn(platform, body, response);
  if (pathname === "/stage/processing-status") {
    return send(response, 200, platform.processing, { "cache-control": "max-age=1" });
  }
  const sub = platform.expired ? null : subjectOf(request.headers.authorization);
  if (sub === null) return send(response, 401, { title: "Unauthorized", status: 401 });
  if (request.method === "POST") return accept(platform, sub, request.headers["idempotency-key"], body, response);
  const key = pathname.split("/")[3];
  const own = [...platform.subscriptions.values()].filter((subscription) => subscription.sub === sub);
  if (key === undefined) return send(response, 200, { subscriptions: own });
  const found = own.find((subscription) => subscription.key === key);
  if (!found) return send(response, 404, { title: "Not Found", status: 404 }, { "retry-after": "1" });
  return send(response, 200, found);
}

function signIn(platform, body, response) {
  const { USERNAME, PASSWORD } = JSON.parse(body).AuthParameters;
  const sub = USERNAME.split("@")[0];
  if (platform.passwords.get(sub) !== PASSWORD) return send(response, 400, { __type: "NotAuthorizedException" });
  platform.expired = false;
  const payload = Buffer.from(JSON.stringify({ sub })).toString("base64url");
  return send(response, 200, { AuthenticationResult: { AccessToken: `e30.${payload}.x`, ExpiresIn: 3600 } });
}

function accept(platform, sub, key, body, response) {
  platform.posts.push({ key, sub, body: JSON.parse(body) });
  const refusal = platform.refusals.shift();
  if (refusal === "drop") return response.destroy();
  if (refusal) return send(response, refusal.status, refusal.body, refusal.headers);
  if (platform.records && !platform.subscriptions.has(key)) {
    platform.subscriptions.set(key, { sub });
    platform.set(key, platform.firstStatus, MESSAGES[platform.firstStatus]);
  }
  return send(response, 202, { key, status: "accepted" }, { location: `/subscriptions/${key}` });
}

function subjectOf(authorization) {
  const payload = /^Bearer [^.]+\.([^.]+)\./.exec(authorization ?? "")?.[1];
  return payload ? JSON.parse(Buffer.from(payload, "base64url")).sub : null;
}
