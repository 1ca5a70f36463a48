// Developer mode: ?dev=1 begins it in this tab, ?dev=0 ends it. A badge says which side answered what.

import { el } from "./dom.js";

const KEY = "developer";

const wanted = new URLSearchParams(location.search).get("dev");
if (wanted === "1") sessionStorage.setItem(KEY, "yes");
if (wanted === "0") sessionStorage.removeItem(KEY);

if (sessionStorage.getItem(KEY)) {
  const list = el("ul", { "aria-live": "polite" });
  const badge = el("aside", { id: "developer", class: "developer", "aria-label": "Which side answered" }, list);
  document.body.append(badge);
  document.addEventListener("answered", ({ detail: { asked, side, status, millis } }) => {
    const line = el(
      "li",
      { "data-side": side, "data-asked": asked },
      el("strong", {}, side), ` ${asked} `, el("span", {}, `${status} · ${millis} ms`),
    );
    list.querySelector(`[data-asked="${CSS.escape(asked)}"]`)?.remove();
    list.append(line);
  });
}
