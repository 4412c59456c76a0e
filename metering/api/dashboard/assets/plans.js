// The operator's page of plans: what is in force, what is scheduled, and what each version changes.

import { alive, failed, get } from "./api.js";
import { byId, fill, h, table } from "./dom.js";
import { count, instant, plural } from "./format.js";
import { keep, kept, typed } from "./address.js";

const LIMIT = 200;
const KIND = { in_force: "within", scheduled: "near" };
const state = { plans: [], next: null, versions: [] };
const view = kept({ search: "", plan: "" });

async function more() {
  const asked = new URLSearchParams({ limit: LIMIT });
  if (state.next) asked.set("cursor", state.next);
  try {
    const page = await get(`/api/plans?${asked}`);
    state.plans.push(...page.items);
    state.next = page.next;
    alive(true, plural(state.plans.length, "plan"));
    show();
  } catch (error) {
    failed(error, byId("plans"), more);
  }
}

function show() {
  const wanted = view.search.toLowerCase();
  const shown = state.plans.filter((one) => one.id.toLowerCase().includes(wanted));
  fill(byId("plans"), table("Plans in force", [
    { title: "Plan", names: true, cell: (row) => h("button", { class: "link", "data-plan": row.id,
      "data-key": `plan ${row.id}`, "aria-expanded": String(row.id === view.plan) }, row.id) },
    { title: "Billing", cell: (row) => `${row.billing}, ${row.currency}` },
    { title: "Markup", number: true, cell: (row) => row.markup },
    { title: "Base fee", number: true, cell: (row) => row.base_fee },
    { title: "Quotas", number: true, cell: (row) => count(row.quotas.length) },
    { title: "Scheduled", cell: (row) => (row.scheduled.length ? row.scheduled.map((at) =>
      h("span", { class: "badge near" }, instant(at))) : "") },
  ], shown, { empty: view.search ? "No plan matches the search." : "No plans." }),
  state.next ? h("button", { "data-more": "", "data-key": "more" }, "Show more") : null);
}

const told = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 1));

async function showOne() {
  byId("one-card").hidden = !view.plan;
  if (!view.plan) return;
  byId("one-title").textContent = `Versions of ${view.plan}`;
  fill(byId("one"), h("p", { class: "soft" }, "Loading…"));
  try {
    state.versions = await get(`/api/plans/${encodeURIComponent(view.plan)}/versions`);
  } catch (error) {
    failed(error, byId("one"), showOne);
    return;
  }
  fill(byId("one"), table(`Versions of ${view.plan}`, [
    { title: "State", cell: (row) => h("span", { class: `badge ${KIND[row.state] ?? ""}` }, row.state.replace("_", " ")) },
    { title: "From", names: true, cell: (row) => (row.start ? instant(row.start) : "the beginning") },
    { title: "Until", cell: (row) => (row.end ? instant(row.end) : "open") },
    { title: "Differences", wide: true, cell: (row) => changes(row) },
    { title: "Terms", cell: (row) => h("details", {}, h("summary", {}, "Show"), h("pre", {}, told(row.terms))) },
  ], state.versions));
}

function changes(row) {
  if (!row.changes.length) return row === state.versions.at(-1) ? "first version" : "none";
  return h("ul", { class: "changes" }, row.changes.map((one) => h("li", {}, h("code", {}, one.term), " ",
    h("del", {}, told(one.old)), " → ", h("ins", {}, told(one.new)))));
}

byId("view").addEventListener("click", (event) => {
  const button = event.target.closest("[data-plan], [data-more]");
  if (!button) return;
  if (button.dataset.more !== undefined) {
    more();
    return;
  }
  view.plan = button.dataset.plan;
  keep(view);
  show();
  showOne().then(() => byId("one-title").focus());
});
typed(byId("search"), view, "search", show);
more();
showOne();
