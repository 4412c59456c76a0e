// The operator's page: all tenants, and work that waits for an operator.

import { get, poll, post } from "./api.js";
import { byId, fill, h, say, table } from "./dom.js";
import { ago, count, lasts, moment, money, plural, quantity, short } from "./format.js";

// The number of tenants in the table. The API lists all of them.
const MAX_TENANTS = 500;
const LETTERS = 20;
const STANDINGS = ["unreadable", "over", "near", "within", "unlimited"];

const state = {
  tenants: [], isCut: false, work: null, letters: [], effects: [], due: [], asOf: null,
  sort: "standing", isDown: true, chosen: new Set(),
};

const again = poll(
  "/api/changes",
  async () => {
    const [tenants, work, letters] = await Promise.all(
      [everyTenant(), get("/api/overview/work"), get(`/api/dead-letters?limit=${LETTERS}`)]);
    Object.assign(state, { tenants, work, letters: letters.items });
    showTiles();
    showTenants();
    showLetters();
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

async function everyTenant() {
  const found = [];
  let next = null;
  do {
    const cursor = next ? `&cursor=${encodeURIComponent(next)}` : "";
    const page = await get(`/api/overview?limit=100${cursor}`);
    found.push(...page.items);
    next = page.next;
    state.asOf = page.as_of;
  } while (next && found.length < MAX_TENANTS);
  state.isCut = Boolean(next);
  return found;
}

const sum = (name) => state.tenants.reduce((total, one) => total + one[name], 0);

function tile(title, value, note, kind) {
  return h("div", { class: kind ? `tile ${kind}` : "tile" },
    h("h2", {}, title), h("p", { class: "figure" }, value), h("p", { class: "soft" }, note));
}

function showTiles() {
  const { tenants, work, due } = state;
  if (!work) return;
  const standing = (name) => tenants.filter((one) => one.standing === name).length;
  const letters = Object.values(work.dead_letters).reduce((total, one) => total + one, 0);
  const kinds = Object.keys(work.dead_letters).length;
  const notKept = Object.values(work.dead_letters_not_kept).reduce((total, one) => total + one, 0);
  const [over, near] = [standing("over"), standing("near")];
  const oldest = work.price_sources.filter((one) => one.age_days !== null)
    .sort((one, other) => other.age_days - one.age_days)[0];
  const warn = (value, kind = "near") => (value ? kind : null);
  byId("period").textContent = `${state.isCut ? "The first " : ""}${plural(tenants.length, "tenant")}, ${
    plural(sum("requests"), "request")} in their current periods`;
  fill(byId("tiles"),
    tile("Over a limit", count(over), `${count(near)} near a limit`, over ? "over" : warn(near)),
    tile("Ingest lag", work.ingest_lag_s === null ? "unknown" : lasts(work.ingest_lag_s), `notifications ${lasts(work.effects_lag_s)} late`,
      warn(work.ingest_lag_s === null || work.ingest_lag_s > 60)),
    tile("Duplicates", short(sum("duplicates")), `${count(sum("conflicts"))} with different content`,
      warn(sum("conflicts"))),
    tile("Unpriced", short(sum("unpriced")), "requests without a price", warn(sum("unpriced"))),
    tile("Missing", short(sum("missing")), `${count(sum("pending"))} still pending`,
      warn(sum("missing"))),
    tile("Dead letters", short(letters), notKept ? `and ${short(notKept)} not kept`
      : kinds ? plural(kinds, "code") : "none", warn(letters + notKept)),
    tile("Failed notifications", count(work.effects_parked), "delivery given up", warn(work.effects_parked)),
    tile("Oldest prices", oldest ? plural(oldest.age_days, "day") : "unknown",
      oldest ? oldest.source : "no source names a day", warn(oldest?.old)),
    tile("To close", count(due.length), due.length ? `${due.length === 1 ? "period has" : "periods have"} ended` : "no periods due"));
}

const COLUMNS = [
  { id: "tenant", title: "Tenant", key: (row) => row.tenant,
    cell: (row) => h("a", { href: `/dashboard/tenants/${encodeURIComponent(row.tenant)}`,
      "data-key": `tenant ${row.tenant}` }, row.tenant) },
  { id: "standing", title: "Standing",
    key: (row) => (5 - STANDINGS.indexOf(row.standing)) * 1e6 + (row.nearest?.percent ?? 0),
    cell: standingOf },
  { id: "amount", title: "Spend", number: true, key: (row) => Number(row.amount),
    cell: (row) => money(row.amount, row.currency) },
  { id: "projected", title: "Forecast", number: true, key: (row) => Number(row.projected),
    cell: (row) => money(row.projected, row.currency) },
  { id: "provisioned", title: "Provisioned", number: true, key: (row) => Number(row.provisioned),
    cell: (row) => (row.provisioned === "0" ? "" : h("span", {
      title: `provisional, accrued until ${moment(row.provisioned_as_of)}, in no other figure` },
    money(row.provisioned, row.currency))) },
  { id: "requests", title: "Requests", number: true, key: (row) => row.requests,
    cell: (row) => short(row.requests) },
  { id: "duplicates", title: "Duplicates", number: true, key: (row) => row.duplicates,
    cell: (row) => short(row.duplicates) },
  { id: "unpriced", title: "Unpriced", number: true, key: (row) => row.unpriced,
    cell: (row) => short(row.unpriced) },
  { id: "missing", title: "Missing", number: true, key: (row) => row.missing,
    cell: (row) => short(row.missing) },
  { id: "plan", title: "Plan", key: (row) => row.plan, cell: (row) => row.plan },
  { id: "last_commit", title: "Last activity", key: (row) => row.last_commit ?? "",
    cell: (row) => (row.last_commit
      ? h("time", { datetime: row.last_commit, title: moment(row.last_commit) },
        ago(row.last_commit, Date.parse(state.asOf))) : "never") },
];

function standingOf(row) {
  const { nearest, standing } = row;
  const badge = h("span", { class: `badge ${standing}` }, standing);
  if (!nearest) return badge;
  const use = `${nearest.percent} % of ${nearest.about}`;
  const amount = (text) => quantity(text, nearest.metric, row.currency);
  return h("div", { class: "standing" }, badge,
    h("span", { class: "soft", title: `${amount(nearest.used)} of ${amount(nearest.limit)}` }, use));
}

function showTenants() {
  const wanted = byId("search").value.trim().toLowerCase();
  const only = byId("only").value;
  const column = COLUMNS.find((one) => one.id === state.sort);
  const rows = state.tenants
    .filter((row) => row.tenant.toLowerCase().includes(wanted))
    .filter((row) => !only || row.standing === "over" || row.standing === only)
    .sort((a, b) => compare(column.key(a), column.key(b)) * (state.isDown ? -1 : 1)
      || compare(a.tenant, b.tenant));
  const head = COLUMNS.map((one) => {
    const isSorted = one.id === state.sort;
    const arrow = isSorted ? (state.isDown ? "↓" : "↑") : "";
    return h("th", {
      scope: "col", class: one.number ? "number" : null,
      "aria-sort": isSorted ? (state.isDown ? "descending" : "ascending") : null,
    }, h("button", { class: "sort", "data-key": `sort ${one.id}`, "data-sort": one.id },
      one.title, h("span", { "aria-hidden": "true" }, arrow)));
  });
  const body = rows.map((row) => h("tr", {}, COLUMNS.map((one, at) => h(at ? "td" : "th",
    { class: one.number ? "number" : null, scope: at ? null : "row" }, one.cell(row)))));
  fill(byId("tenants"),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Tenants" },
      h("table", { class: "sortable" }, h("caption", { class: "unseen" }, "Tenants"),
        h("thead", {}, h("tr", {}, head)), h("tbody", {}, body))),
    rows.length ? null : h("p", { class: "soft" }, "No tenants match the filter."));
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

byId("tenants").addEventListener("click", (event) => {
  const id = event.target.closest("[data-sort]")?.dataset.sort;
  if (!id) return;
  const isText = ["tenant", "plan"].includes(id);
  state.isDown = state.sort === id ? !state.isDown : !isText;
  state.sort = id;
  showTenants();
  say(`Sorted by ${id.replace("_", " ")}, ${state.isDown ? "descending" : "ascending"}.`);
});
byId("search").addEventListener("input", showTenants);
byId("only").addEventListener("change", showTenants);

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
