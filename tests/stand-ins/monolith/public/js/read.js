// Fills the article page.

import { ask } from "./answers.js";
import { day, el, picture, premiumMark, section, up, words } from "./dom.js";

const $ = (id) => document.getElementById(id);

function showTrouble(title, sentence) {
  $("title").textContent = title;
  $("trouble").textContent = sentence;
  $("trouble").hidden = false;
  document.title = `${title} – New Science`;
}

function showGone(title, sentence) {
  showTrouble(title, sentence);
  $("elsewhere").hidden = false;
  $("comments").hidden = true;
}

function show(article) {
  document.title = `${article.title} – New Science`;
  const { topic, name } = section(article.tags);
  $("kicker").replaceChildren(el("a", { href: `${up}find?tag=${encodeURIComponent(topic)}` }, name));
  if (article.premium) $("kicker").append(premiumMark(true));
  $("title").textContent = article.title;
  $("summary").textContent = article.summary;
  $("summary").hidden = false;
  const by = [el("a", { href: `${up}by/${encodeURIComponent(article.author)}` }, article.byline)];
  if (article.publishedAt) by.push(" · ", el("time", { datetime: article.publishedAt }, day(article.publishedAt)));
  if (article.updatedAt && day(article.updatedAt) !== day(article.publishedAt)) by.push(` · updated ${day(article.updatedAt)}`);
  $("by").replaceChildren(...by);
  $("by").hidden = false;
  $("picture").src = picture(article.id, article.tags);
  $("picture").hidden = false;
  // Whoever answers has sanitised it; what slipped through would not act either, by the page's policy.
  $("body").innerHTML = article.html ?? "";
  $("body").hidden = article.html === undefined;
  $("premium").hidden = article.html !== undefined;
  $("tags").replaceChildren(
    ...article.tags.map((tag) => el("li", {}, el("a", { href: `${up}find?tag=${encodeURIComponent(tag)}` }, words(tag)))),
  );
  $("after").hidden = false;
}

async function load() {
  $("article").setAttribute("aria-busy", "true");
  $("trouble").hidden = true;
  $("again").hidden = true;
  const { status, data, trouble } = await ask(`articles/${encodeURIComponent($("article").dataset.id)}`);
  if (data) show(data);
  else if (status === 404) showGone("Not here", "There is no such article, or it is not published yet.");
  else if (status === 410) showGone("Withdrawn", "This article was withdrawn. It can no longer be read.");
  else {
    showTrouble("This article cannot be shown", trouble);
    $("again").hidden = false;
  }
  $("article").setAttribute("aria-busy", "false");
}

$("again").addEventListener("click", async () => {
  await load();
  ($("again").hidden ? $("title") : $("again")).focus();
});
await load();
