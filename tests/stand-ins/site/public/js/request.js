// The request that this browser has sent, or is about to send: { key, body, accepted }.
//
// It is written down before it is sent and kept until its outcome is known, so that a reload, a retry or a second click sends
// the same key again and never makes a second request. In localStorage, one slot a customer: it survives the browser's end,
// and another customer of this browser neither sees nor repeats it. It holds no token.

const STORED = "new-science.request.";

export function createRequests({ storage = localStorage, newKey = () => crypto.randomUUID() } = {}) {
  return {
    load(sub) {
      try {
        const request = JSON.parse(storage.getItem(STORED + sub));
        return request?.key && request.body ? request : null;
      } catch {
        return null;
      }
    },

    // The request under way, if there is one (in another tab, perhaps), else a new one.
    begin(sub, body) {
      const underWay = this.load(sub);
      if (underWay) return underWay;
      const request = { key: newKey(), body, accepted: false };
      storage.setItem(STORED + sub, JSON.stringify(request));
      return request;
    },

    accepted(sub, request) {
      storage.setItem(STORED + sub, JSON.stringify({ ...request, accepted: true }));
    },

    forget(sub) {
      storage.removeItem(STORED + sub);
    },
  };
}

const TOKEN = /^pm_[A-Za-z0-9]{8,64}$/;
const CARD_NUMBER = /\d(?:[ -]?\d){12}/;

// What is wrong with a payment method, or null. The API checks the same; here it never leaves the page.
export function paymentMethodProblem(token) {
  if (CARD_NUMBER.test(token)) return "This looks like a card number. Please never type one here; choose a payment method or its token (pm_…).";
  if (token === "") return "Please choose a payment method.";
  if (!TOKEN.test(token)) return "A payment method token begins with pm_, followed by 8 to 64 letters or digits.";
  return null;
}
