// The operator's page of costs: what all tenants are charged and what the company pays.

import { alive, get } from "./api.js";
import { colour, draw } from "./charts.js";
import { byId, fill, h, say, table } from "./dom.js";
import { axisMoney, count, day, money, short } from "./format.js";

const DIMENSIONS = { deployment: "Deployment", account: "Account", region: "Region",
  product: "Product", use_case: "Use case", model: "Model", tenant: "Tenant" };
const OTHERS = "(other names)";
const SERIES = 7;
const ROWS = 100;
const pad = (number) => String(number).padStart(2, "0");

// What is asked for is in the address, so that a view can be kept and sent.
const address = new URLSearchParams(location.search);
const today = new Date();
const present = `${today.getUTCFullYear()}-${pad(today.getUTCMonth() + 1)}`;
const state = {
  month: /^\d{4}-(0[1-9]|1[0-2])$/.test(address.get("month")) ? address.get("month") : present,
  by: address.get("by") in DIMENSIONS ? address.get("by") : "deployment",
  every: ["day", "week", "month"].includes(address.get("every")) ? address.get("every") : "day",
  only: address.getAll("only").filter((one) => one.split("=")[0] in DIMENSIONS),
};

function days(month, before = 0) {
  const [year, number] = month.split("-").map(Number);
  const first = new Date(Date.UTC(year, number - 1 - before, 1));
  const next = new Date(Date.UTC(year, number, 1));
  const tomorrow = new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate() + 1));
  const end = month === present && tomorrow < next ? tomorrow : next;
  return { from: first.toISOString().slice(0, 10), to: end.toISOString().slice(0, 10) };
}

function path(by, span, more = {}) {
  const asked = new URLSearchParams({ by, ...span, ...more });
  for (const one of state.only) asked.append("only", one);
  return `/api/costs?${asked}`;
}

let turn = 0;

async function show() {
  turn += 1;
  const mine = turn;
  keepAddress();
  showAsked();
  alive(false, "Loading");
  // Months show half a year, for a single one is no line of months.
  const over = days(state.month, state.every === "month" ? 5 : 0);
  try {
    const now = await get(path(state.by, days(state.month), { compare: true, limit: ROWS }));
    const series = await get(path(`${state.every},${state.by}`, over, { limit: SERIES }));
    const discounts = await get("/api/discounts");
    if (mine !== turn) return;
    showTiles(now);
    showBanners(now);
    showCharts(series);
    showTable(now);
    showDiscounts(discounts);
    byId("span").textContent = `${day(now.first_day)} to ${day(lastDay(now.end_day))} (UTC), all tenants`;
    alive(true, `As of ${now.as_of.slice(11, 16)} UTC`);
  } catch (error) {
    if (mine !== turn) return;
    alive(false, "Not loaded");
    fill(byId("banners"), h("p", { class: "banner over" }, error.message));
    say(error.message);
  }
}

const lastDay = (end) => new Date(Date.parse(`${end}T00:00:00Z`) - 1).toISOString();

function keepAddress() {
  const kept = new URLSearchParams({ month: state.month, by: state.by, every: state.every });
  for (const one of state.only) kept.append("only", one);
  history.replaceState(null, "", `?${kept}`);
}

function showAsked() {
  byId("month").value = state.month;
  fill(byId("by"), Object.entries(DIMENSIONS).map(([name, title]) =>
    h("option", { value: name, selected: name === state.by }, title.toLowerCase())));
  byId("by").value = state.by;
  byId("every").value = state.every;
  fill(byId("only"), state.only.map((one) => {
    const [name, ...value] = one.split("=");
    const text = `${DIMENSIONS[name]}: ${value.join("=") || "not named"}`;
    return h("button", { type: "button", class: "quiet", "data-drop": one, "data-key": `drop ${one}`,
      "aria-label": `Show more than ${text}` }, `${text} ×`);
  }));
}

const percent = (share) => (share === null ? "" : `${(Number(share) * 100).toFixed(1)} %`);

function tile(title, value, note, kind) {
  return h("div", { class: kind ? `tile ${kind}` : "tile" },
    h("h2", {}, title), h("p", { class: "figure" }, value), h("p", { class: "soft" }, note));
}

function showTiles({ totals }) {
  const tiles = totals.flatMap((one) => {
    const of = (text) => money(text, one.currency);
    const name = totals.length > 1 ? ` (${one.currency})` : "";
    const hours = Number(one.used) + Number(one.idle) + Number(one.unallocated);
    return [
      tile(`Charged${name}`, of(one.charged), `${of(one.charged_before)} in the time before`),
      tile(`Cost${name}`, of(one.cost), `${of(one.paid)} for requests`),
      tile(`Margin${name}`, one.margin === null ? "unknown" : of(one.margin),
        one.margin_share === null ? "of nothing charged" : `${percent(one.margin_share)} of what is charged`,
        Number(one.margin) < 0 ? "over" : null),
      hours ? tile(`Idle hours${name}`, of(one.unallocated), `${of(one.used)} used, ${
        of(one.idle)} idle and allocated`, Number(one.unallocated) > 0 ? "near" : null) : null,
      tile(`Unpriced${name}`, short(one.unpriced), `${count(one.uncosted)} of unknown cost`,
        one.unpriced + one.uncosted ? "near" : null),
    ];
  });
  fill(byId("tiles"), tiles.length ? tiles : tile("Charged", "0", "no usage in these days"));
}

function showBanners({ totals, left_out: leftOut, periods_not_whole: notWhole }) {
  const provisional = totals.filter((one) => Number(one.provisional) > 0);
  fill(byId("banners"),
    leftOut.map((one) => h("p", { class: "banner over" }, `Left out: ${one.reason}`)),
    provisional.map((one) => h("p", { class: "banner near" },
      `${money(one.provisional, one.currency)} of hours is provisional until the month is closed.`)),
    notWhole ? h("p", { class: "soft" }, `${count(notWhole)} periods are not whole in these days:`
      + " allowances, tiers and fees of their plans are left out.") : null);
}

const named = (row) => row.group[state.by] ?? "not named";

function showCharts({ items, totals }) {
  const currencies = totals.map((one) => one.currency);
  const place = byId("chart");
  const wanted = currencies.length ? currencies : ["USD"];
  if (place.dataset.currencies !== wanted.join()) {
    place.dataset.currencies = wanted.join();
    place.replaceChildren(...wanted.map((one) => h("div", {},
      wanted.length > 1 ? h("h3", {}, one) : null, h("div", { id: `chart-${one}` }))));
  }
  for (const currency of wanted) {
    chart(byId(`chart-${currency}`), items.filter((row) => row.currency === currency), currency);
  }
}

function chart(place, items, currency) {
  const periods = [...new Set(items.map((row) => row.group[state.every]))].sort();
  const names = new Map();
  for (const row of items) {
    if (!names.has(named(row))) names.set(named(row), new Map());
    names.get(named(row)).set(row.group[state.every], row);
  }
  const total = (of) => [...of.values()].reduce((sum, row) => sum + Number(row.charged), 0);
  const ordered = [...names].sort((a, b) => (a[0] === OTHERS) - (b[0] === OTHERS) || total(b[1]) - total(a[1]));
  const series = ordered.map(([name, of], at) => ({
    name,
    colour: colour(at),
    values: periods.map((one) => Math.max(0, Number(of.get(one)?.charged ?? 0))),
    texts: periods.map((one) => money(of.get(one)?.charged ?? "0", currency)),
  }));
  const label = (one) => (state.every === "month" ? one : day(one));
  draw(place, {
    labels: periods.map(label), series, stacked: true, scale: (value) => axisMoney(value, currency),
    caption: `Charged by ${state.every} and ${DIMENSIONS[state.by].toLowerCase()}, ${currency}`,
    summary: `Charged by ${state.every} for ${count(ordered.length)} names; see the table below.`,
    columns: [
      { title: "From", cell: (row) => row.group[state.every] },
      { title: DIMENSIONS[state.by], cell: named },
      { title: "Requests", number: true, cell: (row) => count(row.requests) },
      { title: "Charged", number: true, cell: (row) => money(row.charged, currency) },
      { title: "Cost", number: true, cell: (row) => money(row.cost, currency) },
    ],
    rows: items,
  });
}

function change(row) {
  if (row.change === null) return Number(row.charged) && row.charged_before === "0" ? "new" : "";
  return `${Number(row.change) > 0 ? "+" : ""}${percent(row.change)}`;
}

function margin(row) {
  if (row.margin === null) return "unknown";
  const text = money(row.margin, row.currency);
  return Number(row.margin) < 0 ? h("span", { class: "badge over" }, `loss ${text}`) : text;
}

function showTable({ items }) {
  const of = (name) => (row) => money(row[name], row.currency);
  const title = DIMENSIONS[state.by];
  fill(byId("table"), table(`Charged and cost by ${title.toLowerCase()}`, [
    { title, names: true, cell: (row) => (row.group[state.by]?.startsWith("(") ? named(row)
      : h("button", { type: "button", class: "sort", "data-only": `${state.by}=${row.group[state.by] ?? ""}`,
        "data-key": `only ${named(row)} ${row.currency}`, title: `Only ${named(row)}` }, named(row))) },
    { title: "Requests", number: true, cell: (row) => short(row.requests) },
    { title: "Charged", number: true, cell: of("charged") },
    { title: "Change", number: true, cell: change },
    { title: "Hours used", number: true, cell: of("used") },
    { title: "Hours idle", number: true, cell: of("idle") },
    { title: "Unallocated", number: true, cell: of("unallocated") },
    { title: "Cost", number: true, cell: of("cost") },
    { title: "Margin", number: true, cell: margin },
    { title: "Margin %", number: true, cell: (row) => percent(row.margin_share) },
    { title: "Unpriced", number: true, cell: (row) => (row.unpriced
      ? h("span", { class: "badge near" }, short(row.unpriced)) : "0") },
  ], items, { empty: "No usage in these days." }));
}

function showDiscounts(discounts) {
  fill(byId("discounts"), table("Discounts agreed with providers", [
    { title: "For", names: true, cell: (row) => row.key },
    { title: "Percent", number: true, cell: (row) => row.percent },
    { title: "From", cell: (row) => row.since.slice(0, 10) },
  ], discounts, { empty: "None: costs are list prices. See `metering discounts set`." }));
}

byId("asked").addEventListener("change", (event) => {
  const { name, value } = event.target;
  if (!name || !value) return;
  state[name] = value;
  show();
});
byId("asked").addEventListener("submit", (event) => event.preventDefault());
byId("only").addEventListener("click", (event) => {
  const dropped = event.target.closest("[data-drop]")?.dataset.drop;
  if (dropped === undefined) return;
  state.only = state.only.filter((one) => one !== dropped);
  show();
});
byId("table").addEventListener("click", (event) => {
  const wanted = event.target.closest("[data-only]")?.dataset.only;
  if (wanted === undefined || state.only.includes(wanted)) return;
  state.only = [...state.only.filter((one) => one.split("=")[0] !== state.by), wanted];
  say(`Limited to ${wanted.replace("=", " ")}.`);
  // The next finer view of one deployment is its tenants, of one tenant its deployments.
  state.by = state.by === "tenant" ? "deployment" : "tenant";
  show();
});
show();
