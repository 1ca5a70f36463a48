// Fills the article page.

import { ask } from "./answers.js";
import { day, el, picture, premiumMark, section, up, words } from "./dom.js";

const $ = (id) => document.getElementById(id);

function showTrouble(title, sentence) {
  $("title").textContent = title;
  $("kicker").textContent = "New Science";
  $("trouble").textContent = sentence;
  $("trouble").hidden = false;
  document.title = `${title} – New Science`;
}

function show(article) {
  document.title = `${article.title} – New Science`;
  const { topic, name } = section(article.tags);
  $("kicker").replaceChildren(el("a", { href: `${up}find?tag=${encodeURIComponent(topic)}` }, name));
  if (article.premium) $("kicker").append(premiumMark(true));
  $("title").textContent = article.title;
  $("summary").textContent = article.summary;
  const by = [el("a", { href: `${up}by/${encodeURIComponent(article.author)}` }, article.byline)];
  if (article.publishedAt) by.push(" · ", el("time", { datetime: article.publishedAt }, day(article.publishedAt)));
  if (article.updatedAt && day(article.updatedAt) !== day(article.publishedAt)) by.push(` · updated ${day(article.updatedAt)}`);
  $("by").replaceChildren(...by);
  $("by").hidden = false;
  $("picture").src = picture(article.id, article.tags);
  $("picture").hidden = false;
  if (article.html !== undefined) $("body").innerHTML = article.html;
  else $("body").hidden = true;
  $("premium").hidden = article.html !== undefined;
  $("tags").replaceChildren(
    ...article.tags.map((tag) => el("li", {}, el("a", { href: `${up}find?tag=${encodeURIComponent(tag)}` }, words(tag)))),
  );
  $("after").hidden = false;
}

const { status, data, trouble } = await ask(`articles/${encodeURIComponent($("article").dataset.id)}`);
if (data) show(data);
else if (status === 404) showTrouble("Not here", "There is no such article, or it is not published yet.");
else if (status === 410) showTrouble("Withdrawn", "This article was withdrawn. It can no longer be read.");
else showTrouble("This article cannot be shown", trouble);
$("article").setAttribute("aria-busy", "false");
