// What the public JSON answers, whoever answers it. Each answer is announced, for developers.

import { up } from "./dom.js";

const TIMEOUT = 20000;

// Asks path with parameters (a list of pairs): { status, data } or { status, trouble }, a sentence. Status 0: no answer.
export async function ask(path, parameters = [], signal = undefined) {
  const query = new URLSearchParams(parameters).toString();
  const began = performance.now();
  const asked = `/${path}`;
  const announce = (side, status) => {
    const millis = Math.round(performance.now() - began);
    document.dispatchEvent(new CustomEvent("answered", { detail: { asked, side, status, millis } }));
  };
  let response, body;
  try {
    const timeout = AbortSignal.timeout(TIMEOUT);
    response = await fetch(`${up}${path}${query && `?${query}`}`, {
      headers: { accept: "application/json" },
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    body = await response.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    announce(response?.headers.get("x-served-by") ?? "nobody", response?.status ?? 0);
    return { status: response?.status ?? 0, trouble: "There is no answer at the moment. Try again soon." };
  }
  announce(response.headers.get("x-served-by") ?? "unknown", response.status);
  if (response.ok) return { status: response.status, data: body };
  return { status: response.status, trouble: body?.detail ?? "That did not work. Try again soon." };
}
