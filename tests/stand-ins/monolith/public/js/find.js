// Fills the search page. Its address is the question, so that links, the form and the browser's way back do the rest.

import { ask } from "./answers.js";
import { day, el, emphasised, picture, premiumMark, section, up, words } from "./dom.js";

const ASKED = ["q", "tag", "author", "from", "to", "sort"];
const $ = (id) => document.getElementById(id);

const question = [...new URLSearchParams(location.search)].filter(([name, value]) => ASKED.includes(name) && value);
const given = (name) => question.find(([known]) => known === name)?.[1] ?? "";

const address = (pairs) => `${up}find?${new URLSearchParams(pairs)}`;
const without = (name, value) => question.filter((pair) => pair[0] !== name || pair[1] !== value);

function fillForm() {
  for (const name of ["q", "sort", "from", "to"]) $(name).value = given(name);
  const kept = question.filter(([name]) => name === "tag" || name === "author");
  $("find-form").append(...kept.map(([name, value]) => el("input", { type: "hidden", name, value })));
  if (given("q")) document.title = `${given("q")} – New Science`;
}

// What the navigation links to: a topic and nothing else.
function showSection() {
  const link = question.length === 1 && document.querySelector(`[data-topic="${CSS.escape(given("tag"))}"]`);
  if (!link) return;
  link.setAttribute("aria-current", "page");
  $("find-title").textContent = link.textContent;
  document.title = `${link.textContent} – New Science`;
}

// An author's name is known once an article of theirs was found.
function showFilters(byline = undefined) {
  const kept = question.filter(([name]) => name === "tag" || name === "author");
  const links = kept.map(([name, value]) => {
    const label = name === "author" && byline ? byline : words(value);
    return el("a", { href: address(without(name, value)), "aria-label": `Remove the filter ${label}` }, `${label} ×`);
  });
  $("filters").replaceChildren(...links.map((link) => el("li", {}, link)));
}

function hit({ id, title, summary, byline, author, tags, premium, publishedAt, highlights }) {
  const snippets = highlights?.body ?? [];
  return el(
    "li", { class: "hit" },
    el("img", { class: "hit-picture", src: picture(id, tags), alt: "", width: 160, height: 100, loading: "lazy" }),
    el(
      "div", {},
      el("p", { class: "kicker" }, section(tags).name, premiumMark(premium)),
      el("h2", { class: "hit-title" },
        el("a", { href: `${up}read/${encodeURIComponent(id)}` }, highlights?.title ? emphasised(highlights.title) : title)),
      el("p", { class: "hit-teaser" }, summary),
      snippets.length > 0
        ? el("p", { class: "hit-snippets" }, ...snippets.flatMap((snippet) => ["… ", emphasised(snippet), " "]), "…")
        : null,
      el("p", { class: "small" }, el("a", { href: `${up}by/${encodeURIComponent(author)}` }, byline),
        publishedAt ? ` · ${day(publishedAt)}` : ""),
    ),
  );
}

function facet(title, name, values) {
  const fresh = values.filter(({ value }) => !question.some((pair) => pair[0] === name && pair[1] === value));
  if (fresh.length === 0) return null;
  const links = fresh.map(({ value, byline, count }) =>
    el("li", {}, el("a", { href: address([...question, [name, value]]) }, byline ?? words(value)),
      el("span", { class: "small" }, count.toLocaleString("en-GB"))));
  return el("section", {}, el("h2", { class: "side-title" }, title), el("ul", {}, ...links));
}

function showFacets(facets) {
  const parts = [
    facet("Topics", "tag", facets?.tags ?? []),
    given("author") ? null : facet("Authors", "author", facets?.authors ?? []),
  ].filter(Boolean);
  $("facets").replaceChildren(...parts);
  $("facets").hidden = parts.length === 0;
}

function countOf(total) {
  if (total === 0) return "Nothing found. Try fewer words, or others.";
  return `${total.toLocaleString("en-GB")} ${total === 1 ? "article" : "articles"}`;
}

async function show(cursor) {
  $("more").disabled = true;
  const { status, data, trouble } = await ask("search", cursor ? [...question, ["cursor", cursor]] : question);
  $("more").disabled = false;
  $("trouble").hidden = Boolean(data);
  // What was refused will be refused again, and further results have a button of their own.
  $("again").hidden = Boolean(data || cursor) || (status >= 400 && status < 500);
  if (!data) {
    $("trouble").textContent = trouble;
    if (!cursor) $("count").textContent = "";
    return;
  }
  const hits = data.hits.map(hit);
  $("hits").append(...hits);
  if (cursor) {
    hits[0]?.querySelector("h2 a").focus();
  } else {
    showFacets(data.facets);
    showFilters(data.hits[0]?.byline);
  }
  $("count").textContent = countOf(data.total);
  $("more").hidden = data.next === undefined || data.next === null;
  $("more").onclick = () => show(data.next);
}

async function begin() {
  $("count").textContent = "Searching…";
  await show();
}

fillForm();
showSection();
showFilters();
$("again").addEventListener("click", async () => {
  await begin();
  ($("again").hidden ? $("find-title") : $("again")).focus();
});
await begin();
