// The platform that runs on this machine, as `make up` describes it, and what an operator does to it.

import { createHash } from "node:crypto";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const run = promisify(execFile);

export async function readStack() {
  const text = await readFile(`${ROOT}target/local/stack.json`, "utf8").catch(() => {
    throw new Error("target/local/stack.json is not there: start the platform with `make up` first.");
  });
  return JSON.parse(text);
}

// A customer of their own for a test: whoever is premium already cannot subscribe again.
export async function newCustomer(stack, name) {
  const email = `${name}-${Date.now()}@example.com`;
  const password = "Correct-horse-7-battery";
  const { id } = stack.userPool;
  const attributes = [{ Name: "email", Value: email }, { Name: "email_verified", Value: "true" }];
  const { User: user } = await aws(stack, "cognito-idp", "AWSCognitoIdentityProviderService.AdminCreateUser", {
    UserPoolId: id, Username: email, UserAttributes: attributes, MessageAction: "SUPPRESS",
  });
  await aws(stack, "cognito-idp", "AWSCognitoIdentityProviderService.AdminSetUserPassword", {
    UserPoolId: id, Username: email, Password: password, Permanent: true,
  });
  return { email, password, sub: user.Attributes.find((attribute) => attribute.Name === "sub").Value };
}

// The local cloud does not verify signatures; it only reads region and service from one.
async function aws(stack, service, target, body) {
  const response = await fetch(`${stack.endpoint}/`, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": target,
      authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${stack.region}/${service}/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${target}: HTTP ${response.status} ${await response.text()}`);
  return response.json();
}

// How often money was taken for a customer's request, by the provider's own journal.
export async function captures(stack, { sub }, key) {
  const intent = createHash("sha256").update(`${sub}:${key}`).digest("base64url");
  const response = await fetch(`${stack.standIns.payment.admin}/journal`);
  const journal = await response.json();
  return journal.captures.filter((capture) => capture.intent === intent).length;
}

// `open-circuit`, `close-circuit` or `route`, the command that an operator uses, and its variables.
export async function operate(command, why, variables = {}) {
  const given = Object.entries({ ...variables, WHY: why }).map(([name, value]) => `${name}=${value}`);
  await run("make", ["--no-print-directory", command, ...given], { cwd: ROOT });
}

// Who answers which route: route → { mode, percent }, as requests follow it.
export async function steering(stack) {
  const { Parameter: parameter } = await aws(stack, "ssm", "AmazonSSM.GetParameter", { Name: stack.parameters.routes });
  return JSON.parse(parameter.Value);
}

// Steers a route; ends when readers' requests follow.
export async function steer(route, { mode, percent }, why) {
  const share = ["shadow", "canary"].includes(mode) ? { PERCENT: percent } : {};
  await operate("route", why, { ROUTE: route, MODE: mode, ...share });
}
