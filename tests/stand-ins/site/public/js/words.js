// What a person reads: statuses, problems, times.

// tone: how it feels. step: which of the three steps is current. stopped: that step is where it ended.
const STATUSES = {
  sending: {
    tone: "busy", badge: "Sending", step: 0, title: "Sending your request",
    text: "However often this page has to send it, it counts once.",
  },
  unrecorded: {
    tone: "busy", badge: "Accepted", step: 1, title: "We have your request",
    text: "It is being written down.",
  },
  accepted: {
    tone: "busy", badge: "Accepted", step: 1, title: "We have your request",
    text: "It is in line for the checks and the payment.",
  },
  processing: {
    tone: "busy", badge: "In progress", step: 1, title: "We are working on it",
    text: "The checks and the payment are under way.",
  },
  compensating: {
    tone: "busy", badge: "In progress", step: 1, title: "We are working on it",
    text: "We are settling the payment.",
  },
  retrying: {
    tone: "warn", badge: "Trying again", step: 1, title: "This takes longer than usual",
    text: "A service that we need did not answer. We keep trying; there is nothing that you have to do.",
  },
  active: {
    tone: "good", badge: "Active", step: 3, title: "Welcome to premium",
    text: "Your subscription is active. Enjoy the whole story.",
  },
  declined: {
    tone: "bad", badge: "Declined", step: 1, stopped: true, title: "This request was declined",
    // There are several reasons, a subscription that is active already among them; the platform's message says which.
  },
  refunded: {
    tone: "bad", badge: "Refunded", step: 2, stopped: true, title: "You got your money back",
    text: "The payment went through, but premium could not be opened, so we returned the full amount.",
  },
  parked: {
    tone: "warn", badge: "With our team", step: 1, title: "A person is looking at it",
    text: "Something unusual happened, and one of us will decide. Your request is safe, and you will not be charged twice.",
  },
};

const FINAL = ["active", "declined", "refunded"];

// Whether nothing will change any more by itself.
export function isFinal(status) {
  return FINAL.includes(status);
}

// A status that a newer platform knows and we do not is still progress.
export function wordsFor(status) {
  return STATUSES[status] ?? { ...STATUSES.processing, text: undefined };
}

export function hintFor(status) {
  if (isFinal(status) || status === "sending") return "";
  return "You may close this page. Come back, or sign in on another device, to see how it went.";
}

// Our fields: how people call them, and what to do when one was refused. What a validator says of patterns is for others.
const FIELDS = {
  paymentMethod: { name: "payment method", advice: "This payment method was not accepted. Please choose another one." },
  newsletter: { name: "newsletter choice", advice: "This choice was not accepted." },
  tier: { name: "kind of subscription", advice: "" },
  "Idempotency-Key": { name: "request’s number", advice: "" },
};

// A refusal, for people: a sentence that names what was wrong, and advice for each field that can be changed.
export function refusalWords({ status, fields }) {
  const names = fields.map((field) => FIELDS[field].name);
  const advice = fields.map((field) => [field, FIELDS[field].advice]).filter(([, text]) => text !== "");
  return { summary: refusalSummary(status, names), fields: Object.fromEntries(advice) };
}

function refusalSummary(status, names) {
  if (status === 403) return "Your account may not subscribe. Please ask our support.";
  if (names.length > 0) return `We could not accept your request as it is. Please check the ${names.join(" and the ")}.`;
  return "We could not accept your request as it is. Please check it and try again.";
}

// A passing trouble, for people.
export function troubleText(error, waitMs) {
  const seconds = Math.max(1, Math.round(waitMs / 1000));
  const what =
    error.status === 0 ? "We cannot reach New Science just now."
    : error.status === 429 ? "Very many readers are here just now."
    : "Something on our side did not work.";
  return `${what} Trying again in ${seconds} ${seconds === 1 ? "second" : "seconds"}.`;
}

// A time as RFC 3339 or in epoch milliseconds, for people; empty if it is none.
export function timeText(since, now = new Date()) {
  const time = new Date(since ?? NaN);
  if (Number.isNaN(time.getTime())) return "";
  const sameDay = time.toDateString() === now.toDateString();
  const style = sameDay ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
  return new Intl.DateTimeFormat("en-GB", style).format(time);
}

export function priceText({ minor, currency }) {
  const format = new Intl.NumberFormat("en-IE", { style: "currency", currency: currency.toUpperCase() });
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}
