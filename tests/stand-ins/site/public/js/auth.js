// Signing in, with Cognito's InitiateAuth (USER_PASSWORD_AUTH).
//
// What is kept, and where: the access token alone, in memory and in sessionStorage. sessionStorage, because a reload while a
// subscription is under way must not ask for the password again; not localStorage, because a token must not outlive the tab
// on a shared computer. The refresh token, worth weeks, and the ID token, which the API refuses, are dropped at once. What a
// script injected into the page could read is thereby an hour's access; that no script gets injected is the job of the
// Content-Security-Policy.

const STORED = "new-science.session";
// A token about to expire is treated as expired, so that a request does not meet its end on the way.
const MARGIN_MS = 10_000;

export class SignInError extends Error {}

export function createSession({ endpoint, clientId }, { storage = sessionStorage, now = Date.now } = {}) {
  let session = restore(storage);

  return {
    // Whoever is signed in, as { email, sub }, or null.
    customer() {
      return alive() ? { email: session.email, sub: session.sub } : null;
    },

    // The access token, or null.
    token() {
      return alive() ? session.token : null;
    },

    async signIn(email, password) {
      const answer = await initiateAuth(endpoint, clientId, email, password);
      session = {
        token: answer.AccessToken,
        email,
        sub: subjectOf(answer.AccessToken),
        expiresAt: now() + answer.ExpiresIn * 1000,
      };
      storage.setItem(STORED, JSON.stringify(session));
    },

    signOut() {
      session = null;
      storage.removeItem(STORED);
    },
  };

  function alive() {
    return session !== null && session.expiresAt - MARGIN_MS > now();
  }
}

function restore(storage) {
  try {
    const stored = JSON.parse(storage.getItem(STORED));
    return stored?.token && stored.sub && stored.expiresAt ? stored : null;
  } catch {
    return null;
  }
}

async function initiateAuth(endpoint, clientId, email, password) {
  let response;
  try {
    response = await fetch(`${endpoint}/`, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "AWSCognitoIdentityProviderService.InitiateAuth",
      },
      body: JSON.stringify({
        AuthFlow: "USER_PASSWORD_AUTH",
        ClientId: clientId,
        AuthParameters: { USERNAME: email, PASSWORD: password },
      }),
    });
  } catch {
    throw new SignInError("We cannot reach the sign-in service. Check your connection and try again.");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok && answer.AuthenticationResult) return answer.AuthenticationResult;
  throw new SignInError(reason(answer));
}

function reason(answer) {
  if (answer.ChallengeName) return "Your account needs another step first, such as a new password. Please ask our support.";
  const kind = String(answer.__type ?? "").split("#").pop();
  switch (kind) {
    case "NotAuthorizedException":
    case "UserNotFoundException":
      return "The e-mail address or the password is not right.";
    case "UserNotConfirmedException":
      return "Please confirm your e-mail address first: we sent you a letter with a link.";
    case "PasswordResetRequiredException":
      return "Your password has to be set anew before you can sign in.";
    case "TooManyRequestsException":
    case "LimitExceededException":
      return "Too many attempts. Please wait a minute and try again.";
    default:
      return "Signing in did not work this time. Please try again.";
  }
}

// Read, not verified: it only names a slot in this browser's storage. The API verifies.
function subjectOf(token) {
  const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(atob(payload)).sub;
}
