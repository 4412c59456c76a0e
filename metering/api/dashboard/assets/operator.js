// The operator's page: all tenants, and work that waits for an operator.

import { get, poll, post } from "./api.js";
import { byId, fill, h, say, table } from "./dom.js";
import { count, lasts, moment, money, plural, short } from "./format.js";
import { showHealth } from "./health.js";
import { refreshTenants } from "./tenants.js";

const LETTERS = 20;

const state = {
  totals: null, work: null, answers: [], letters: [], effects: [], due: [], chosen: new Set(),
};

const again = poll(
  "/api/changes",
  async () => {
    // Each is shown as soon as it is there: the sums over all tenants take longest at first.
    await Promise.all([refreshTenants(), showTotals(), showWork(), showRecentLetters(),
      showStatus()]);
    showHealth(state.answers, state.work, state.letters);
  },
  async () => {
    const [effects, due] = await Promise.all(
      [get("/api/effects?parked=true&limit=20"), get("/api/periods/due?limit=200")]);
    Object.assign(state, { effects: effects.items, due: due.items });
    showTiles();
    showEffects();
    showDue();
  },
);

function tile(title, value, note, kind) {
  return h("div", { class: kind ? `tile ${kind}` : "tile" },
    h("h2", {}, title), h("p", { class: "figure" }, value), h("p", { class: "soft" }, note));
}

async function showTotals() {
  state.totals = await get("/api/overview/totals");
  showTiles();
  const { standings, unreadable } = state.totals;
  const more = standings.unreadable - unreadable.length;
  fill(byId("unreadable"), unreadable.length ? h("div", { class: "banner over" },
    h("p", {}, `${count(standings.unreadable)} of ${count(state.totals.tenants)} tenants cannot be read. Their figures are in no sum:`),
    h("ul", {}, unreadable.map((one) => h("li", {}, h("strong", {}, one.tenant), ` ${one.fault}`)),
      more ? h("li", {}, `and ${count(more)} more`) : null)) : []);
}

async function showStatus() {
  try {
    state.answers = await get("/api/status");
  } catch (error) {
    fill(byId("health"), h("p", {}, `The status could not be read: ${error.message}`));
    throw error;
  }
}

async function showWork() {
  state.work = await get("/api/overview/work");
  showTiles();
}

async function showRecentLetters() {
  state.letters = (await get(`/api/dead-letters?limit=${LETTERS}`)).items;
  showLetters();
}

function showTiles() {
  const { totals, work, due } = state;
  if (!work || !totals) return;
  const letters = Object.values(work.dead_letters).reduce((total, one) => total + one, 0);
  const kinds = Object.keys(work.dead_letters).length;
  const notKept = Object.values(work.dead_letters_not_kept).reduce((total, one) => total + one, 0);
  const { over, near } = totals.standings;
  const warn = (value, kind = "near") => (value ? kind : null);
  byId("period").textContent = `${plural(totals.tenants, "tenant")}, ${
    plural(totals.requests, "request")} in their current periods, as of ${moment(totals.as_of)}`;
  fill(byId("tiles"),
    // Currencies are never added up: each has a tile.
    totals.spending.map((one) => tile(`Spend, ${one.currency}`, money(one.amount, one.currency),
      `${money(one.projected, one.currency)} forecast, ${plural(one.tenants, "tenant")}`)),
    tile("Over a limit", count(over), `${count(near)} near a limit`, over ? "over" : warn(near)),
    tile("Ingest lag", work.ingest_lag_s === null ? "unknown" : lasts(work.ingest_lag_s), `notifications ${lasts(work.effects_lag_s)} late`,
      warn(work.ingest_lag_s === null || work.ingest_lag_s > 60)),
    tile("Duplicates", short(totals.duplicates), `${count(totals.conflicts)} with different content`,
      warn(totals.conflicts)),
    tile("Missing", short(totals.missing), `${count(totals.pending)} still pending`,
      warn(totals.missing)),
    tile("Dead letters", short(letters), notKept ? `and ${short(notKept)} not kept`
      : kinds ? plural(kinds, "code") : "none", warn(letters + notKept)),
    tile("To close", count(due.length), due.length ? `${due.length === 1 ? "period has" : "periods have"} ended` : "no periods due"));
}

function showLetters() {
  const known = new Set(state.letters.map((one) => one.id));
  for (const id of state.chosen) if (!known.has(id)) state.chosen.delete(id);
  const columns = [
    { title: "Select", cell: (row) => h("input", {
      type: "checkbox", "data-letter": row.id, "data-key": `letter ${row.id}`,
      checked: state.chosen.has(row.id), "aria-label": `Select dead letter ${row.id.slice(0, 8)}`,
    }) },
    { title: "Code", names: true, cell: (row) => h("code", {}, row.code) },
    { title: "Reason", wide: true, cell: (row) => row.reason },
    { title: "Hub", cell: (row) => row.hub },
    { title: "Received", cell: (row) => moment(row.received) },
  ];
  fill(byId("letters"), table("Dead letters, newest first", columns, state.letters,
    { empty: "No dead letters. Every event was counted." }));
  const button = (name, text, kind) => h("button",
    { "data-do": name, "data-key": name, class: kind }, text);
  fill(byId("letters-actions"), state.letters.length ? [
    button("replay", state.chosen.size ? `Replay ${state.chosen.size}` : "Replay all", "main"),
    state.chosen.size ? button("drop", `Delete ${state.chosen.size}`, "quiet") : null,
  ] : []);
}

byId("letters").addEventListener("change", (event) => {
  const id = event.target.dataset.letter;
  if (!id) return;
  if (event.target.checked) state.chosen.add(id);
  else state.chosen.delete(id);
  showLetters();
});

const chosen = () => (state.chosen.size ? { ids: [...state.chosen] } : { every: true });

const ACTIONS = {
  async replay() {
    const done = await post("/api/dead-letters/replay", chosen());
    const left = Object.values(done.rejected).reduce((total, one) => total + one, 0);
    return `Replayed ${count(done.letters)}: ${count(done.accepted)} counted, ${
      count(done.duplicates)} duplicates, ${count(left)} rejected again.`;
  },
  async drop() {
    if (!confirm(`Delete ${state.chosen.size} dead letters without counting them?`)) return null;
    const done = await post("/api/dead-letters/drop", { ids: [...state.chosen] });
    return `Deleted ${count(done.letters)}.`;
  },
  async retry() {
    const done = await post("/api/effects/retry");
    return `${plural(done.effects, "notification")} scheduled again.`;
  },
  async close() {
    const done = await post("/api/periods/close", {});
    return `Closed ${count(done.closed.length)}; ${count(done.waiting.length)} waiting.`;
  },
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-do]");
  if (!button) return;
  button.disabled = true;
  try {
    const message = await ACTIONS[button.dataset.do]();
    if (message) announce("within", message);
    await again();
  } catch (error) {
    announce("over", `The action failed: ${error.message}`);
  } finally {
    button.disabled = false;
  }
});

function announce(kind, text) {
  fill(byId("banners"), h("p", { class: `banner ${kind}`, id: "message" }, text));
  say(text);
}

function showEffects() {
  fill(byId("effects"), table("Notifications whose delivery was given up", [
    { title: "Ledger", cell: (row) => row.ledger.split("|")[0] },
    { title: "Message", wide: true, cell: (row) => row.text },
    { title: "Attempts", number: true, cell: (row) => count(row.attempts) },
    { title: "Last failure", wide: true, cell: (row) => row.failure ?? "" },
  ], state.effects, { empty: "All notifications were delivered." }));
  fill(byId("effects-actions"), state.effects.length
    ? h("button", { "data-do": "retry", "data-key": "retry" }, "Retry all") : []);
}

function showDue() {
  fill(byId("due"), table("Periods that have ended and are not closed", [
    { title: "Tenant", cell: (row) => row.tenant },
    { title: "Period", cell: (row) => row.period },
    { title: "Reason", wide: true, cell: (row) => row.reason },
    { title: "Closes by", cell: (row) => (row.until ? moment(row.until) : "") },
  ], state.due, { empty: "No periods to close." }));
  fill(byId("due-actions"), state.due.length
    ? h("button", { "data-do": "close", "data-key": "close" }, "Close due periods") : []);
}
