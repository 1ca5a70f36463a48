// Headlines below a search box while somebody types: a combobox as WAI-ARIA describes it.

import { ask } from "./answers.js";
import { el, up } from "./dom.js";

const PAUSE = 150;
const SHORTEST = 2;

function attach(input) {
  const list = el("ul", { id: `${input.id}-suggestions`, class: "suggestions", role: "listbox", "aria-label": "Suggestions", hidden: "" });
  const box = el("span", { class: "suggest-box" });
  input.replaceWith(box);
  box.append(input, list);
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-expanded", "false"], ["aria-controls", list.id]]) {
    input.setAttribute(name, value);
  }
  let active = -1;
  let timer, running;

  const open = (isOpen) => {
    list.hidden = !isOpen;
    input.setAttribute("aria-expanded", String(isOpen));
    choose(-1);
  };
  const choose = (index) => {
    active = index;
    [...list.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === index)));
    if (index >= 0) input.setAttribute("aria-activedescendant", list.children[index].id);
    else input.removeAttribute("aria-activedescendant");
  };
  const suggest = async () => {
    running?.abort();
    const text = input.value.trim();
    if (text.length < SHORTEST) return open(false);
    running = new AbortController();
    let answer;
    try {
      answer = await ask("search/suggest", [["q", text]], running.signal);
    } catch {
      return undefined; // Somebody typed on.
    }
    const suggestions = answer.data?.suggestions ?? [];
    list.replaceChildren(...suggestions.map(({ id, title }, i) =>
      el("li", { id: `${list.id}-${i}`, role: "option", "aria-selected": "false", "data-id": id }, title)));
    return open(suggestions.length > 0 && document.activeElement === input);
  };
  const go = (option) => { location.href = `${up}read/${encodeURIComponent(option.dataset.id)}`; };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(suggest, PAUSE);
  });
  input.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const count = list.children.length;
    if (event.key === "ArrowDown") choose((active + 1) % count);
    else if (event.key === "ArrowUp") choose(active > 0 ? active - 1 : count - 1);
    else if (event.key === "Escape") open(false);
    else if (event.key === "Enter" && active >= 0) go(list.children[active]);
    else return;
    event.preventDefault();
  });
  input.addEventListener("blur", () => open(false));
  // Before the input loses its focus, which would close the list.
  list.addEventListener("mousedown", (event) => {
    event.preventDefault();
    const option = event.target.closest("[role=option]");
    if (option) go(option);
  });
}

for (const id of ["search", "q"]) {
  const input = document.getElementById(id);
  if (input) attach(input);
}
