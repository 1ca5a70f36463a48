// The page's elements: shows what it is told, and knows nothing of the network.

import { hintFor, isFinal, priceText, timeText, wordsFor } from "./words.js";

const byId = (id) => document.getElementById(id);
const PANELS = ["loading", "sign-in", "subscribe", "progress"];

function setText(element, text) {
  // Writing the same text again would make a screen reader say it again.
  if (element.textContent !== text) element.textContent = text;
}

// Shows one panel of the card; moves the focus to its heading if the change was the visitor's doing.
function showPanel(id, { focus = false } = {}) {
  const changed = byId(id).hidden;
  for (const panel of PANELS) byId(panel).hidden = panel !== id;
  byId("broken").hidden = true;
  // The offer, until it is taken.
  byId("price").hidden = id === "progress" || !("known" in byId("price").dataset);
  showTrouble("");
  byId("card").setAttribute("aria-busy", String(id === "loading"));
  if (changed && focus) byId(id).querySelector("h2").focus();
}

export function showLoading() {
  showPanel("loading");
}

export function showOffer({ price, termDays, testPaymentMethods = [] }) {
  if (price) {
    setText(byId("price-amount"), priceText(price));
    setText(byId("price-term"), termDays ? `for ${termDays} days` : "");
    byId("price").dataset.known = "";
  }
  const choices = testPaymentMethods.map(({ id, label }) => choice(id, label, true));
  if (choices.length > 0) choices.push(choice("", "Another payment method token", false));
  byId("method-list").replaceChildren(...choices);
  byId("method-list").hidden = choices.length === 0;
  byId("method-list").querySelector("input")?.click();
  showTokenField();
  byId("method-list").addEventListener("change", showTokenField);
}

function choice(id, label, isTest) {
  const row = document.createElement("label");
  row.className = "method";
  const input = Object.assign(document.createElement("input"), { type: "radio", name: "method", value: id });
  const text = Object.assign(document.createElement("span"), { textContent: label });
  row.append(input, text);
  if (isTest) row.append(Object.assign(document.createElement("span"), { className: "test-tag", textContent: "Test" }));
  return row;
}

function chosenMethod() {
  return document.querySelector("input[name=method]:checked")?.value ?? "";
}

function showTokenField() {
  byId("token-field").hidden = chosenMethod() !== "";
}

export function onSignIn(handler) {
  byId("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    handler({ email: byId("email").value.trim(), password: byId("password").value });
  });
}

export function onSubscribe(handler) {
  byId("subscribe").addEventListener("submit", (event) => {
    event.preventDefault();
    handler({ paymentMethod: chosenMethod() || byId("token").value.trim(), newsletter: byId("newsletter").checked });
  });
}

export function onSignOut(handler) {
  byId("sign-out").addEventListener("click", handler);
}

export function onTryAgain(handler) {
  byId("try-again").addEventListener("click", handler);
}

export function showAccount(customer) {
  byId("account").hidden = customer === null;
  document.body.toggleAttribute("data-signed-in", customer !== null);
  setText(byId("account-email"), customer?.email ?? "");
}

export function showSignIn({ note = "", focus = false } = {}) {
  byId("password").value = "";
  setText(byId("sign-in-note"), note);
  byId("sign-in-note").hidden = note === "";
  clearErrors("sign-in");
  showPanel("sign-in", { focus });
}

export function showForm({ focus = false } = {}) {
  clearErrors("subscribe");
  showPanel("subscribe", { focus });
}

// Says what is wrong with a form: a sentence at the top, one at each field; focuses the first wrong field.
export function showErrors(form, { summary = "", fields = {} }) {
  clearErrors(form);
  const box = byId(`${form}-error`);
  setText(box, summary);
  box.hidden = summary === "";
  let first = null;
  for (const [field, message] of Object.entries(fields)) {
    const place = byId(`${field}-error`);
    if (!place) continue;
    setText(place, message);
    place.hidden = false;
    for (const input of inputsOf(field)) {
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", place.id);
      first ??= input;
    }
  }
  first?.focus();
}

function inputsOf(field) {
  if (field !== "paymentMethod") return [byId(field)];
  return byId("token-field").hidden ? [...document.querySelectorAll("input[name=method]:checked")] : [byId("token")];
}

function clearErrors(form) {
  byId(`${form}-error`).hidden = true;
  for (const message of byId(form).querySelectorAll(".field-error")) message.hidden = true;
  for (const input of byId(form).querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    input.id === "token" ? input.setAttribute("aria-describedby", "method-hint") : input.removeAttribute("aria-describedby");
  }
}

// A form at work takes no second click.
export function setBusy(form, busy) {
  byId(form).querySelector("button[type=submit]").disabled = busy;
}

// subscription: { key, status, since?, message? }; our own words say more than its message, where we have any.
export function showProgress({ key, status, since, message }, { focus = false } = {}) {
  const words = wordsFor(status);
  const panel = byId("progress");
  panel.dataset.tone = words.tone;
  panel.dataset.status = status;
  setText(byId("progress-badge"), words.badge);
  setText(byId("progress-title"), words.title);
  setText(byId("progress-text"), words.text ?? message ?? "");
  setText(byId("progress-hint"), hintFor(status));
  setText(byId("progress-since"), timeText(since) || "–");
  setText(byId("progress-key"), key);
  [...byId("steps").children].forEach((step, index) => {
    step.dataset.state =
      index < words.step ? "done" : index > words.step ? "ahead" : words.stopped ? "stopped" : "current";
    if (step.dataset.state === "current") step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
  });
  byId("try-again").hidden = !isFinal(status) || status === "active";
  showPanel("progress", { focus });
}

// A passing trouble; the next thing shown takes it away.
export function showTrouble(text) {
  setText(byId("trouble"), text);
}

// { state: "normal" | "delayed", message, since }
export function showProcessing({ state, message, since }) {
  const delayed = state === "delayed";
  if (delayed) {
    setText(byId("delay-title"), "There is a delay.");
    setText(byId("delay-text"), message || "Requests are safe with us and will be worked on as soon as possible.");
    const time = timeText(since);
    setText(byId("delay-since"), time && `Since ${time}.`);
  }
  byId("delay").hidden = !delayed;
}

export function showBroken(text) {
  for (const panel of PANELS) byId(panel).hidden = true;
  byId("card").setAttribute("aria-busy", "false");
  setText(byId("broken"), text);
  byId("broken").hidden = false;
}
