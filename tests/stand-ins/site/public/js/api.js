// The platform's HTTP API, and its errors (problem details, RFC 9457).

export class ApiError extends Error {
  // status 0: no answer at all. retryAfterMs: what the answer asked us to wait, or null.
  constructor({ status, title = "", detail = "", fields = [], retryAfterMs = null }) {
    super(detail || title || `HTTP ${status}`);
    Object.assign(this, { status, title, detail, fields, retryAfterMs });
  }

  // The request was understood and refused; the same request again would be refused again.
  get isRefusal() {
    return this.status >= 400 && this.status < 500 && ![401, 408, 425, 429].includes(this.status);
  }

  get needsSignIn() {
    return this.status === 401;
  }
}

export function createApi(base, session, { timeoutMs = 15_000 } = {}) {
  return {
    // Asks for a subscription. The same key may be sent any number of times: the first accepted wins.
    subscribe: (key, body) =>
      call("POST", "/subscriptions", { body, headers: { "idempotency-key": key } }),
    subscription: (key) => call("GET", `/subscriptions/${encodeURIComponent(key)}`),
    subscriptions: () => call("GET", "/subscriptions"),
    processingStatus: () => call("GET", "/processing-status", { anonymous: true }),
  };

  // Answers { body, retryAfterMs, maxAgeMs }.
  async function call(method, path, { body, headers = {}, anonymous = false } = {}) {
    if (!anonymous) {
      const token = session.token();
      if (token === null) throw new ApiError({ status: 401, title: "Signed out" });
      headers = { ...headers, authorization: `Bearer ${token}` };
    }
    if (body !== undefined) headers = { ...headers, "content-type": "application/json" };
    let response, text;
    try {
      response = await fetch(base + path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
      });
      text = await response.text();
    } catch {
      throw new ApiError({ status: 0, title: "No answer" });
    }
    const answer = parse(text);
    const retryAfterMs = readRetryAfter(response.headers.get("retry-after"));
    if (!response.ok) throw problem(response.status, answer, retryAfterMs);
    return { body: answer, retryAfterMs, maxAgeMs: readMaxAge(response.headers.get("cache-control")) };
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const FIELDS = ["paymentMethod", "newsletter", "tier", "Idempotency-Key"];

function problem(status, body, retryAfterMs) {
  const { title = "", detail = "", field, errors } = body ?? {};
  const named = [field, ...(Array.isArray(errors) ? errors.map((error) => error.field ?? error.pointer) : [])];
  // A request validator names the field within its sentence only.
  const fields = FIELDS.filter(
    (known) => named.some((name) => String(name ?? "").includes(known)) || String(detail).includes(known),
  );
  return new ApiError({ status, title: String(title), detail: String(detail), fields, retryAfterMs });
}

// Seconds or a date, at most a minute: nobody looks at a page that sleeps longer.
function readRetryAfter(header) {
  if (header === null) return null;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 250), 60_000) : null;
}

function readMaxAge(header) {
  const seconds = /max-age=(\d+)/.exec(header ?? "")?.[1];
  return seconds === undefined ? null : Number(seconds) * 1000;
}
