// The notice that processing is delayed: it comes and goes while the page is open.

import { pause } from "./progress.js";

const LOOK_MS = 5_000;

// Asks for ever. Without an answer the last known state stays: a failed question says nothing about the pipeline.
export async function watchProcessing(api, onState) {
  for (;;) {
    let waitMs = LOOK_MS;
    try {
      const { body, maxAgeMs, retryAfterMs } = await api.processingStatus();
      if (body?.state) onState(body);
      waitMs = retryAfterMs ?? maxAgeMs ?? LOOK_MS;
    } catch (error) {
      waitMs = Math.max(error.retryAfterMs ?? 0, LOOK_MS);
    }
    // A zero max-age must not become a busy loop.
    await pause(Math.max(waitMs, 1_000));
  }
}
