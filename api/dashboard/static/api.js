// Requests to the service that served this page.

const csrf = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

/** A request that the service refused or that did not reach it; the message is for people. */
export class RequestError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function request(url, options = {}) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...options });
  } catch {
    throw new RequestError("the service does not answer", 0);
  }
  if (response.ok) return response;
  if (response.status === 401) {
    throw new RequestError("the session has ended; open the login link again", 401);
  }
  const problem = await response.json().catch(() => ({}));
  throw new RequestError(problem.detail || problem.title || `the service answered ${response.status}`, response.status);
}

/** A JSON document of the API. */
export async function getJson(url) {
  const response = await request(url, { headers: { Accept: "application/json" } });
  return response.json();
}

/** A page or part of one, parsed; scripts in it do not run. */
export async function getHtml(url) {
  const response = await request(url, { headers: { Accept: "text/html" } });
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

/** An action, with the token that shows that this page asked for it, and what it needs to know. */
export async function post(url, body) {
  const headers = { "X-CSRF-Token": csrf, Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await request(url, { method: "POST", headers, body: body && JSON.stringify(body) });
  return response.json();
}

/** Removes what is at an address. */
export async function remove(url) {
  await request(url, { method: "DELETE", headers: { "X-CSRF-Token": csrf, Accept: "application/json" } });
}
