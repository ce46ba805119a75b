/** Questions to the server. Addresses are relative to this file, so that a proxy may put the page under a path. */
import { clockOffset } from "../pure/freshness.js";

const ROOT = new URL("../../", import.meta.url);

/** What the server has against a question: `status`, `title`, `detail` of RFC 9457; status 0: it does not answer. */
export class Refused extends Error {
  constructor(status, problem = {}) {
    super(problem.detail || problem.title || `status ${status}`);
    this.status = status;
    this.retryAfter = problem.retryAfter ?? null;
  }
}

/** The address of something under `/api/v1`; each id is one segment. */
export const address = (...path) => new URL(`api/v1/${path.map(encodeURIComponent).join("/")}`, ROOT);

let offset = 0;

/** Now on the server's clock, ms. */
export const serverNow = () => Date.now() + offset;

async function asked(url, options) {
  let answer;
  try {
    answer = await fetch(url, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, { title: error.message });
  }
  offset = clockOffset(answer.headers.get("date"), Date.now());
  return answer;
}

/** The JSON of an address. */
export async function get(url, signal) {
  const answer = await asked(url, { signal, headers: { accept: "application/json" } });
  if (answer.ok) return answer.json();
  const problem = await answer.json().catch(() => ({}));
  throw new Refused(answer.status, { ...problem, retryAfter: answer.headers.get("retry-after") });
}

/** Log in; whether the token is a good one. */
export async function login(token) {
  const body = new URLSearchParams({ token });
  const answer = await asked(new URL("login", ROOT), { method: "POST", body, redirect: "manual" });
  // A form is answered by a redirect to the page, which fetch shows as opaque.
  if (answer.ok || answer.type === "opaqueredirect") return true;
  if (answer.status === 401 || answer.status === 403 || answer.status === 400) return false;
  throw new Refused(answer.status);
}
