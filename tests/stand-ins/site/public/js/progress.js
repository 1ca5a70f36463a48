// Getting an answer, and following one subscription, whatever the network does.

import { ApiError } from "./api.js";
import { isFinal } from "./words.js";

// Between two looks, where the answer does not say. Parked waits for a person; no need to hurry.
const LOOK_MS = { retrying: 5_000, parked: 30_000 };
const FIRST_LOOK_MS = 1_000;
const LONGEST_LOOK_MS = 4_000;
const LONGEST_TROUBLE_MS = 30_000;

// Asks until there is an answer, which is returned. `onTrouble(error, waitMs)` is told about each failure; a refusal and a
// missing sign-in are thrown.
export async function insist(ask, { signal, onTrouble }) {
  for (let failures = 0; ; failures += 1) {
    signal.throwIfAborted();
    try {
      return await ask();
    } catch (error) {
      await endure(error, failures, signal, onTrouble);
    }
  }
}

// Looks at the subscription until its outcome is final. `onChange` gets what the API says, or null before it is recorded.
export async function follow(api, key, { signal, onChange, onTrouble }) {
  let failures = 0;
  for (let looks = 0; ; looks += 1) {
    signal.throwIfAborted();
    try {
      const { body, retryAfterMs } = await api.subscription(key);
      signal.throwIfAborted();
      failures = 0;
      onChange(body);
      if (isFinal(body.status)) return;
      await pause(retryAfterMs ?? LOOK_MS[body.status] ?? growing(looks, LONGEST_LOOK_MS), signal);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) {
        // Accepted, and on its way to the ledger: the queue is a little behind.
        onChange(null);
        await pause(Math.max(error.retryAfterMs ?? 0, growing(looks, LONGEST_LOOK_MS)), signal);
      } else {
        await endure(error, failures, signal, onTrouble);
        failures += 1;
      }
    }
  }
}

async function endure(error, failures, signal, onTrouble) {
  signal.throwIfAborted();
  if (!(error instanceof ApiError) || error.needsSignIn || error.isRefusal) throw error;
  const waitMs = error.retryAfterMs ?? growing(2 * failures, LONGEST_TROUBLE_MS);
  onTrouble(error, waitMs);
  await pause(waitMs, signal);
}

function growing(step, longest) {
  return Math.min(FIRST_LOOK_MS * 1.3 ** step, longest);
}

// Ends early when the page comes back to the front, or the connection does: people look now.
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const wake = () => {
      if (document.visibilityState === "visible") settle(resolve);
    };
    const abort = () => settle(() => reject(signal.reason));
    const timer = setTimeout(() => settle(resolve), ms);
    document.addEventListener("visibilitychange", wake);
    window.addEventListener("online", wake);
    signal?.addEventListener("abort", abort);
    function settle(how) {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", wake);
      window.removeEventListener("online", wake);
      signal?.removeEventListener("abort", abort);
      how();
    }
  });
}
