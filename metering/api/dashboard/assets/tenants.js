// The table of tenants on the operator's page. The server filters, sorts and pages it; the address
// of the page holds what is shown.

import { get } from "./api.js";
import { byId, fill, h, say } from "./dom.js";
import { ago, count, moment, money, quantity, short } from "./format.js";

const ROWS = 50;
const TYPING_MS = 250;
const SLOW_MS = 1000;
const ONLY = { over: ["over", "unreadable"], near: ["near", "over", "unreadable"] };
const TEXTS = ["tenant", "plan"];

const asked = new URLSearchParams(location.search);
const view = {
  search: asked.get("search") ?? "", only: asked.get("only") ?? "",
  sort: asked.get("sort") ?? "standing", order: asked.get("order") ?? "descending",
};
// The cursors of the pages before and of this one; null is that of the first page.
let cursors = [null];
let next = null;
// Counts the questions, so that a late answer to an earlier one is dropped.
let asking = 0;
let hasShown = false;
// What a change says when it is shown; null if all is said.
let unsaid = null;

const COLUMNS = [
  { id: "tenant", title: "Tenant",
    cell: (row) => h("a", { href: `/dashboard/tenants/${encodeURIComponent(row.tenant)}`,
      "data-key": `tenant ${row.tenant}` }, row.tenant) },
  { id: "standing", title: "Standing", cell: standingOf },
  { id: "amount", title: "Spend", number: true, cell: (row) => money(row.amount, row.currency) },
  { id: "projected", title: "Forecast", number: true,
    cell: (row) => money(row.projected, row.currency) },
  { id: "provisioned", title: "Provisioned", number: true,
    cell: (row) => (row.provisioned === "0" ? "" : h("span", {
      title: `provisional, accrued until ${moment(row.provisioned_as_of)}, in no other figure` },
    money(row.provisioned, row.currency))) },
  { id: "requests", title: "Requests", number: true, cell: (row) => short(row.requests) },
  { id: "duplicates", title: "Duplicates", number: true, cell: (row) => short(row.duplicates) },
  { id: "unpriced", title: "Unpriced", number: true, cell: (row) => short(row.unpriced) },
  { id: "missing", title: "Missing", number: true, cell: (row) => short(row.missing) },
  { id: "plan", title: "Plan", cell: (row) => row.plan },
  { id: "last_commit", title: "Last activity",
    cell: (row, asOf) => (row.last_commit
      ? h("time", { datetime: row.last_commit, title: moment(row.last_commit) },
        ago(row.last_commit, Date.parse(asOf))) : "never") },
];
if (!COLUMNS.some((one) => one.id === view.sort)) view.sort = "standing";

function standingOf(row) {
  const { nearest, standing } = row;
  const badge = h("span", { class: `badge ${standing}`, title: row.fault }, standing);
  if (!nearest) return badge;
  const use = `${nearest.percent} % of ${nearest.about}`;
  const amount = (text) => quantity(text, nearest.metric, row.currency);
  return h("div", { class: "standing" }, badge,
    h("span", { class: "soft", title: `${amount(nearest.used)} of ${amount(nearest.limit)}` }, use));
}

// Shows the present page again, as committed now.
export async function refreshTenants() {
  asking += 1;
  const mine = asking;
  const place = byId("tenants");
  place.setAttribute("aria-busy", "true");
  const slow = hasShown ? 0 : setTimeout(() => showByName(mine), SLOW_MS);
  try {
    const found = await get(`/api/overview?${question()}`);
    if (mine === asking) {
      show(found);
      announce();
    }
  } catch (error) {
    if (mine === asking && error.status !== 401) {
      fill(place, h("p", { class: "banner over" }, `The tenants could not be read: ${error.message} `,
        h("button", { "data-page": "again", "data-key": "again" }, "Try again")));
    }
    throw error;
  } finally {
    clearTimeout(slow);
    if (mine === asking) place.removeAttribute("aria-busy");
  }
}

// Shows the first tenants by name until a process has read all of them for the first time.
async function showByName(mine) {
  const found = await get(`/api/overview?limit=${ROWS}`);
  if (mine !== asking || hasShown || !found.items.length) return;
  fill(byId("tenants"), h("p", { class: "soft", role: "status" },
    `Reading ${count(found.matches)} tenants. Until then, the first by name:`),
  tableOf(found.items, found.as_of, true));
}

function question() {
  const wanted = new URLSearchParams({
    search: view.search, sort: view.sort, order: view.order, limit: ROWS,
  });
  for (const one of ONLY[view.only] ?? []) wanted.append("standing", one);
  const cursor = cursors.at(-1);
  if (cursor) wanted.set("cursor", cursor);
  return wanted;
}

function show({ items, matches, next: following, as_of: asOf }) {
  next = following;
  hasShown = true;
  const first = (cursors.length - 1) * ROWS;
  const isFiltered = view.search || view.only;
  fill(byId("tenants"), items.length ? [tableOf(items, asOf), pager(first, items.length, matches)]
    : h("p", { class: "soft" }, isFiltered ? "No tenants match the filter."
      : "No tenants yet. `metering tenants set` adds one, and so does the first event of a subscription."));
}

function tableOf(items, asOf, isByName = false) {
  const isDown = view.order === "descending";
  const head = COLUMNS.map((one) => {
    const isSorted = !isByName && one.id === view.sort;
    return h("th", {
      scope: "col", class: one.number ? "number" : null,
      "aria-sort": isSorted ? view.order : null,
    }, h("button", { class: "sort", "data-key": `sort ${one.id}`, "data-sort": one.id },
      one.title, h("span", { "aria-hidden": "true" }, isSorted ? (isDown ? "↓" : "↑") : "")));
  });
  const body = items.map((row) => h("tr", {}, COLUMNS.map((one, at) => h(at ? "td" : "th",
    { class: one.number ? "number" : null, scope: at ? null : "row" }, one.cell(row, asOf)))));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Tenants" },
    h("table", { class: "sortable" }, h("caption", { class: "unseen" }, "Tenants"),
      h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)));
}

function pager(first, shown, matches) {
  const text = `${count(first + 1)} to ${count(first + shown)} of ${count(matches)}`;
  // A button that does nothing stays focusable: the keyboard does not lose its place.
  const button = (name, title, isOff) => h("button", {
    "data-page": name, "data-key": `page ${name}`, "aria-disabled": isOff ? "true" : null,
  }, title);
  return h("div", { class: "pager", role: "group", "aria-label": "Pages of tenants" },
    h("span", { class: "soft", id: "range" }, text),
    button("previous", "Previous", cursors.length === 1), button("next", "Next", !next));
}

async function restart(message) {
  cursors = [null];
  next = null;
  const { search, only, sort, order } = view;
  const shown = Object.entries({ search, only, sort, order }).filter(([, value]) => value);
  history.replaceState(null, "", `?${new URLSearchParams(shown)}`);
  await turn(message);
}

// Says what a change has led to, once that is shown: by its own answer or by that of a later poll.
function announce() {
  if (unsaid === null) return;
  say(`${unsaid} ${byId("range")?.textContent ?? "No tenants match the filter."}`.trim());
  unsaid = null;
}

async function turn(message) {
  unsaid = message;
  try {
    await refreshTenants();
  } catch (error) {
    say(`The tenants could not be read: ${error.message}`);
  }
}

byId("tenants").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const { sort, page } = button?.dataset ?? {};
  if (sort) {
    const isAscending = view.sort === sort ? view.order === "descending" : TEXTS.includes(sort);
    Object.assign(view, { sort, order: isAscending ? "ascending" : "descending" });
    restart(`Sorted by ${sort.replace("_", " ")}, ${view.order}.`);
  } else if (page === "next" && next) {
    cursors.push(next);
    turn("");
  } else if (page === "previous" && cursors.length > 1) {
    cursors.pop();
    turn("");
  } else if (page === "again") turn("");
});

byId("search").value = view.search;
byId("only").value = view.only;

let typing = 0;
byId("search").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    view.search = byId("search").value.trim();
    restart("");
  }, TYPING_MS);
});
byId("only").addEventListener("change", () => {
  view.only = byId("only").value;
  restart("");
});
