/** Server-Sent Events that come back by themselves: after a restart, a proxy's error, a connection that only seems open. */
import { backoff } from "../pure/freshness.js";
import { Refused, get } from "./api.js";

const SILENCE = 10_000; // ms; the server says something each second

/**
 * Follow a stream until the returned function is called.
 * `on` has a function per event name, given its data; `on.state("open" | "waiting" | Refused)` tells how it goes.
 * A refusal that waiting cannot change (401, 403, 404) ends it.
 */
export function follow(url, on) {
  let source = null;
  let timer = 0;
  let attempt = 0;
  let heard = 0;
  let ended = false;

  function open() {
    clearTimeout(timer);
    source?.close();
    heard = Date.now();
    source = new EventSource(url);
    for (const name of Object.keys(on).filter((key) => key !== "state")) source.addEventListener(name, receive);
    source.addEventListener("error", () => failed());
  }

  function receive(event) {
    heard = Date.now();
    attempt = 0;
    on[event.type](JSON.parse(event.data));
    on.state("open");
  }

  async function failed() {
    source?.close();
    source = null;
    if (ended) return;
    on.state("waiting");
    const wait = 1000 * backoff(attempt++, Math.random());
    clearTimeout(timer);
    timer = setTimeout(open, wait);
    const refusal = await why(url);
    if (ended || !refusal) return;
    if ([401, 403, 404].includes(refusal.status)) {
      stop();
      on.state(refusal);
    } else if (refusal.retryAfter && !source) {
      clearTimeout(timer);
      timer = setTimeout(open, Math.max(wait, 1000 * Number(refusal.retryAfter) || 0));
    }
  }

  const watchdog = setInterval(() => {
    if (source && Date.now() - heard > SILENCE) failed();
  }, 1000);

  function again() {
    if (!ended && !source && document.visibilityState === "visible") {
      attempt = 0;
      open();
    }
  }

  function stop() {
    ended = true;
    clearTimeout(timer);
    clearInterval(watchdog);
    source?.close();
    for (const [target, name] of wakes) target.removeEventListener(name, again);
  }

  const wakes = [
    [window, "online"],
    [document, "visibilitychange"],
  ];
  for (const [target, name] of wakes) target.addEventListener(name, again);
  open();
  return stop;
}

/** The address of what a stream is about: `…/rooms/s1/stream` a session, `…/api/v1/stream` the list. */
export const documentOf = (url) => new URL(url.href.replace(/\/stream$/, "").replace(/\/api\/v1$/, "/api/v1/rooms"));

/** EventSource does not tell why it was refused: the document of the stream does. */
async function why(url) {
  try {
    await get(documentOf(url));
    return null;
  } catch (error) {
    return error instanceof Refused ? error : null;
  }
}
