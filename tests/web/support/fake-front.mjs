// The façade in one process: the monolith, and before it, for the routes that a test steers, a new service that knows the
// same articles and says more of them.

import { listen, read, send } from "./server.mjs";

export async function startFakeFront(monolith) {
  const front = {
    // route → who answers: "monolith" or "modern"
    modes: { search: "monolith", articles: "monolith" },
    // path → what its requests are answered with instead: { status, detail } or "drop"
    refusals: {},
    // What the new service says, changed by a test
    rewrite: (body) => body,
    // Every path with its query that was asked for as JSON
    asked: [],
  };
  const server = await listen((request, response) => answer(front, monolith, request, response));
  return Object.assign(front, { url: server.url, close: server.close });
}

async function answer(front, monolith, request, response) {
  const asked = new URL(request.url, "http://front");
  const route = /^\/(search|articles)(?=\/|$)/.exec(asked.pathname)?.[1];
  if (route) {
    front.asked.push(asked.pathname + asked.search);
    const refusal = front.refusals[asked.pathname];
    if (refusal === "drop") return response.destroy();
    if (refusal) return refuse(response, refusal, front.modes[route]);
  }
  const body = request.method === "POST" ? await read(request) : undefined;
  const { host: _, connection: __, ...headers } = request.headers;
  const said = await fetch(monolith + request.url, { method: request.method, headers, body, redirect: "manual" });
  if (route && front.modes[route] === "modern" && said.ok) {
    const richer = asked.pathname === "/search" ? search(await said.json(), asked.searchParams.get("q") ?? "") : article(await said.json());
    return send(response, 200, front.rewrite(richer), { "x-served-by": "modern" });
  }
  const kept = Object.fromEntries([...said.headers].filter(([name]) => !["connection", "content-length", "transfer-encoding"].includes(name)));
  if (route) kept["x-served-by"] = front.modes[route];
  response.writeHead(said.status, kept).end(Buffer.from(await said.arrayBuffer()));
}

function refuse(response, { status, detail }, side) {
  const problem = { type: "about:blank", title: "Service Unavailable", status, detail };
  send(response, status, problem, { "content-type": "application/problem+json", "x-served-by": side });
}

function search(found, question) {
  if (!found.hits) return found;
  const words = question.toLowerCase().split(/\s+/).filter(Boolean);
  const hits = found.hits.map((hit) => {
    const title = marked(hit.title, words);
    const body = hit.summary.split(/(?<=\.) /).map((sentence) => marked(sentence, words)).filter((sentence) => sentence.includes("<em>"));
    return { ...hit, highlights: { ...(title.includes("<em>") && { title }), body } };
  });
  const tags = counted(found.hits.flatMap((hit) => hit.tags)).map(([value, count]) => ({ value, count }));
  const bylines = new Map(found.hits.map(({ author, byline }) => [author, byline]));
  const authors = counted(found.hits.map((hit) => hit.author)).map(([value, count]) => ({ value, byline: bylines.get(value), count }));
  return { ...found, hits, facets: { tags, authors } };
}

function article(read) {
  const body = read.html === undefined ? {} : { markdown: read.html.replace(/<[^>]+>/g, "") };
  return { ...read, status: "published", version: 3, ...body };
}

function counted(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((one, other) => other[1] - one[1]).slice(0, 10);
}

function marked(text, words) {
  const escaped = (part) => part.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return text.split(/(\p{L}+)/u).map((part) => (words.includes(part.toLowerCase()) ? `<em>${escaped(part)}</em>` : escaped(part))).join("");
}
