// Puts the page together: who is signed in, which request is under way, what to show.

import { ApiError, createApi } from "./api.js";
import { SignInError, createSession } from "./auth.js";
import { watchProcessing } from "./banner.js";
import { follow, insist } from "./progress.js";
import { createRequests, paymentMethodProblem } from "./request.js";
import { isFinal, refusalWords, troubleText } from "./words.js";
import * as view from "./view.js";

let session, api;
const requests = createRequests();
// What is being followed; aborted when somebody else signs in, or a new request begins.
let following = new AbortController();

start().catch(() => view.showBroken("This page could not be started. Please reload it in a minute."));

async function start() {
  const response = await fetch("/config.json");
  if (!response.ok) throw new Error(`config.json: HTTP ${response.status}`);
  const config = await response.json();
  session = createSession(config.cognito);
  api = createApi(config.api, session);
  view.showOffer(config);
  view.onSignIn(signIn);
  view.onSignOut(() => leave(""));
  view.onSubscribe(subscribe);
  view.onTryAgain(() => view.showForm({ focus: true }));
  watchProcessing(api, view.showProcessing);
  if (session.customer()) await enter();
  else view.showSignIn();
}

async function signIn({ email, password }) {
  const fields = {};
  if (!email.includes("@")) fields.email = "Please enter your e-mail address.";
  if (password === "") fields.password = "Please enter your password.";
  if (Object.keys(fields).length > 0) return view.showErrors("sign-in", { fields });
  view.setBusy("sign-in", true);
  try {
    await session.signIn(email, password);
  } catch (error) {
    const known = error instanceof SignInError;
    return view.showErrors("sign-in", { summary: known ? error.message : "Signing in did not work this time." });
  } finally {
    view.setBusy("sign-in", false);
  }
  await enter({ focus: true });
}

function leave(note) {
  following.abort();
  session.signOut();
  view.showAccount(null);
  view.showSignIn({ note, focus: true });
}

// Signed in: goes on with what is under way, here or on another device.
async function enter({ focus = false } = {}) {
  const customer = session.customer();
  view.showAccount(customer);
  const request = requests.load(customer.sub);
  if (request) return carryOut(request, { focus });
  view.showLoading();
  await guarded(async (signal) => {
    const latest = await latestSubscription(signal);
    if (!latest) return view.showForm({ focus });
    view.showProgress(latest, { focus });
    if (!isFinal(latest.status)) await followUp(latest.key, signal);
  });
}

// One under way before one that is active before the newest that ended otherwise; null without any.
async function latestSubscription(signal) {
  const rank = ({ status }) => (!isFinal(status) ? 2 : status === "active" ? 1 : 0);
  const { body } = await insist(() => api.subscriptions(), { signal, onTrouble });
  signal.throwIfAborted();
  const newestFirst = [...(body?.subscriptions ?? [])].sort((a, b) => new Date(b.since) - new Date(a.since));
  return newestFirst.sort((a, b) => rank(b) - rank(a))[0] ?? null;
}

async function subscribe({ paymentMethod, newsletter }) {
  const customer = session.customer();
  if (!customer) return leave("Your session has ended. Please sign in again.");
  const wrong = paymentMethodProblem(paymentMethod);
  if (wrong) return view.showErrors("subscribe", { fields: { paymentMethod: wrong } });
  await carryOut(requests.begin(customer.sub, { tier: "premium", paymentMethod, newsletter }), { focus: true });
}

// Gets a request accepted, if it is not yet, and follows it to its outcome.
async function carryOut(request, { focus = false } = {}) {
  const { sub } = session.customer();
  await guarded(async (signal) => {
    if (!request.accepted) {
      view.showProgress({ key: request.key, status: "sending" }, { focus });
      try {
        await insist(() => api.subscribe(request.key, request.body), { signal, onTrouble });
      } catch (error) {
        if (!(error instanceof ApiError) || !error.isRefusal) throw error;
        requests.forget(sub);
        view.showForm();
        return view.showErrors("subscribe", refusalWords(error));
      }
      requests.accepted(sub, request);
      signal.throwIfAborted();
      view.showProgress({ key: request.key, status: "accepted" });
    } else {
      view.showProgress({ key: request.key, status: "unrecorded" }, { focus });
    }
    await followUp(request.key, signal);
    // The outcome is known; from here on the ledger remembers it for us.
    requests.forget(sub);
  });
}

function followUp(key, signal) {
  const onChange = (subscription) => view.showProgress(subscription ?? { key, status: "unrecorded" });
  return follow(api, key, { signal, onChange, onTrouble });
}

function onTrouble(error, waitMs) {
  view.showTrouble(troubleText(error, waitMs));
}

// Runs one piece of following at a time; what ends it early is shown, never swallowed.
async function guarded(work) {
  following.abort();
  following = new AbortController();
  const { signal } = following;
  try {
    await work(signal);
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof ApiError && error.needsSignIn) {
      leave("Your session has ended. Please sign in again; your request is safe and goes on.");
    } else {
      view.showBroken("We cannot show your subscription just now. Nothing is lost: please reload this page in a minute.");
    }
  }
}
