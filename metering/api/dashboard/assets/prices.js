// The operator's page of prices: in force, scheduled and replaced, with sources and ages.

import { alive, failed, get } from "./api.js";
import { byId, fill, h, table } from "./dom.js";
import { count, instant, plural } from "./format.js";
import { keep, kept, typed } from "./address.js";

const LIMIT = 100;
const KIND = { in_force: "within", scheduled: "near" };
const view = kept({ search: "", state: "in_force" });
let rows = [];
let next = null;
// Counts the questions, so that a late answer to an earlier one is dropped.
let asking = 0;

async function sources() {
  try {
    const work = await get("/api/overview/work");
    fill(byId("sources"), table("Sources of the prices in force", [
      { title: "Source", names: true, cell: (row) => row.source },
      { title: "Prices", number: true, cell: (row) => count(row.rows) },
      { title: "Last read", cell: (row) => row.retrieved ?? "not known" },
      { title: "Age", cell: (row) => h("span", { class: `badge ${row.old ? "near" : ""}` },
        row.age_days === null ? "unknown" : plural(row.age_days, "day")) },
    ], work.price_sources, { empty: "No prices are in force." }));
  } catch (error) {
    failed(error, byId("sources"), sources);
  }
}

async function restart() {
  [rows, next] = [[], null];
  await more();
}

async function more() {
  asking += 1;
  const mine = asking;
  const asked = new URLSearchParams({ model: view.search, limit: LIMIT });
  if (view.state) asked.set("state", view.state);
  if (next) asked.set("cursor", next);
  try {
    const page = await get(`/api/price-rows?${asked}`);
    if (mine !== asking) return;
    rows.push(...page.items);
    next = page.next;
    alive(true, `${count(rows.length)} shown`);
    show();
  } catch (error) {
    if (mine === asking) failed(error, byId("rows"), more);
  }
}

function show() {
  fill(byId("rows"), table("Prices per million units", [
    { title: "Price", names: true, cell: (row) => h("code", {}, row.row) },
    { title: "State", cell: (row) => h("span", { class: `badge ${KIND[row.state] ?? ""}` }, row.state.replace("_", " ")) },
    { title: "From", cell: (row) => instant(row.start) },
    { title: "Until", cell: (row) => (row.end ? instant(row.end) : "open") },
    { title: "Per million", wide: true, cell: amounts },
    { title: "Source", wide: true, cell: (row) => `${row.source || "not known"}${
      row.is_reported ? ", from reports" : ""}, ${row.version}` },
    { title: "Age", number: true, cell: (row) => (row.age_days === null ? "unknown" : plural(row.age_days, "day")) },
  ], rows, { empty: "No price matches." }));
  fill(byId("more"), next ? h("button", { "data-key": "more" }, "Show more") : []);
}

// Each bucket's price, with that of the row before where it differs.
function amounts(row) {
  const before = row.per_million_before ?? {};
  const names = [...new Set([...Object.keys(row.per_million), ...Object.keys(before)])];
  return h("ul", { class: "changes" }, names.map((name) => {
    const [old, now] = [before[name], row.per_million[name]];
    const isChanged = row.per_million_before !== null && old !== now;
    return h("li", {}, `${name.replaceAll("_", " ")} `, isChanged ? [h("del", {}, old ?? "no price"), " → "] : null,
      h(isChanged ? "ins" : "span", {}, now ?? "no price"), ` ${row.currency}`);
  }));
}

byId("state").value = view.state;
byId("state").addEventListener("change", () => {
  view.state = byId("state").value;
  keep(view);
  restart();
});
byId("more").addEventListener("click", (event) => {
  if (event.target.closest("button")) more();
});
typed(byId("search"), view, "search", restart);
sources();
more();
