// Small helpers for pages that scripts fill.

// From this page to the site's root, relative.
export const up = document.body.dataset.up;

export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

// HTML of which only text and <em> are taken, whatever else it may hold.
export function emphasised(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  const taken = document.createDocumentFragment();
  const walk = (node, into) => {
    for (const child of node.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) into.append(child.data);
      else if (child.nodeName === "EM") into.append(el("em", {}, child.textContent));
      else walk(child, into);
    }
  };
  walk(parsed.body, taken);
  return taken;
}

export function day(time) {
  const date = new Date(time ?? NaN);
  if (Number.isNaN(date.getTime())) return "";
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
}

export const words = (topic) => topic.replaceAll("-", " ");

// The section that an article belongs to, as the navigation names it; its first topic, if to none.
export function section(tags) {
  for (const link of document.querySelectorAll("[data-topic]")) {
    if (tags.includes(link.dataset.topic)) return { topic: link.dataset.topic, name: link.textContent };
  }
  return tags.length > 0 ? { topic: tags[0], name: words(tags[0]) } : { topic: "news", name: "News" };
}

export const picture = (id, tags) => `${up}picture/${encodeURIComponent(section(tags).topic)}/${encodeURIComponent(id)}.svg`;

export const premiumMark = (premium) => (premium ? el("span", { class: "premium-mark" }, "Premium") : null);
