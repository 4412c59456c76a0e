// Calls and polls the API. The host buffers responses, so streaming is not possible.

import { byId, fill, h, say } from "./dom.js";
import { time } from "./format.js";

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

// Required for changes. A page of another origin cannot send this header.
const INTENT = { "X-Metering-Intent": "dashboard" };

async function ask(path, options) {
  const answer = await fetch(path, { ...options, credentials: "same-origin" });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, body.detail ?? answer.statusText);
  return body;
}

export const get = (path) => ask(path, {});

// The tag of what the page shows, by path; none forces a full look.
const tags = new Map();

// Says whether anything has changed since the last look: one request, answered from its tag.
async function hasChanged(path) {
  const tag = tags.get(path);
  const answer = await fetch(path, {
    credentials: "same-origin", headers: tag ? { "If-None-Match": tag } : {},
  });
  if (answer.status === 304) return false;
  if (!answer.ok) {
    const body = await answer.json().catch(() => ({}));
    throw new Refused(answer.status, body.detail ?? answer.statusText);
  }
  tags.set(path, answer.headers.get("ETag"));
  return true;
}
export const post = (path, body) => ask(path, {
  method: "POST",
  headers: { ...INTENT, "Content-Type": "application/json" },
  body: body === undefined ? undefined : JSON.stringify(body),
});

const PAUSE_MS = 3000;
const SLOW_EVERY = 5;
const LONGEST_MS = 60000;

// Asks every few seconds whether anything has changed. If so, calls `fast`, and `slow` if that was
// not called for four turns. Pauses while the page is hidden and backs off after failures.
// `again()` calls both at once.
export function poll(changes, fast, slow) {
  let timer = 0;
  let failures = 0;
  // Turns since the last call of `slow`.
  let turn = SLOW_EVERY;
  let forced = true;
  let isBehind = false;
  let running = false;

  async function run() {
    clearTimeout(timer);
    if (running) return;
    running = true;
    try {
      const isForced = forced;
      forced = false;
      const changed = (await hasChanged(changes)) || isForced;
      isBehind ||= changed;
      const isSlow = isBehind && turn >= SLOW_EVERY;
      await Promise.all([changed ? fast() : null, isSlow ? slow() : null]);
      if (isSlow) [turn, isBehind] = [0, false];
      turn += 1;
      failures = 0;
      alive(true, `Live · ${time(new Date())}`);
    } catch (error) {
      failures += 1;
      forced = true;
      if (error.status === 401) {
        ended();
        return;
      }
      alive(false, `Connection lost: ${error.message}`);
    } finally {
      running = false;
    }
    if (!document.hidden) {
      timer = setTimeout(run, Math.min(LONGEST_MS, PAUSE_MS * 2 ** failures));
    }
  }

  function again() {
    turn = SLOW_EVERY;
    forced = true;
    return run();
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) run();
  });
  run();
  return again;
}

export function alive(isAlive, text) {
  const place = byId("live");
  place.classList.toggle("is-live", isAlive);
  place.classList.toggle("is-stale", !isAlive);
  place.lastElementChild.textContent = text;
}

// Shows in `place` that something could not be read, with a button that reads it again.
export function failed(error, place, again) {
  if (error.status === 401) {
    ended();
    return;
  }
  alive(false, "Not loaded");
  fill(place, h("p", { class: "banner over" }, `This could not be read: ${error.message} `,
    h("button", { "data-key": "again", onclick: again }, "Try again")));
  say(`This could not be read: ${error.message}`);
}

function ended() {
  alive(false, "Signed out");
  fill(byId("banners"), h("p", { class: "banner near" }, "Your session has ended. ",
    h("a", { href: "/signin" }, "Sign in again")));
  say("Your session has ended.");
}
