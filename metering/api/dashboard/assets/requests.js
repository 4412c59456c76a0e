// The requests behind a figure. The address of the page has their filter.

import { alive, get } from "./api.js";
import { byId, fill, h, say, table } from "./dom.js";
import { count, moment, money, tokens } from "./format.js";

const { api, tenant } = byId("view").dataset;
const filter = new URLSearchParams(location.search);
const LIMIT = 50;
// Requests of one CSV page, and how many pages a file has at most: a larger one is for the command.
const CSV_LIMIT = 1000;
const CSV_PAGES = 200;

const state = { requests: [], next: null, chosen: null };

const NAMES = {
  from: "from", to: "to", use_case: "use case", id: "id", unpriced: "without a price",
};

function showFilter() {
  const told = [...filter].map(([name, value]) =>
    `${NAMES[name] ?? name}: ${value === "" ? "not set" : value}`);
  byId("filter").textContent = told.length ? told.join(", ") : `All requests of ${tenant}`;
}

async function more() {
  const asked = new URLSearchParams(filter);
  asked.set("limit", LIMIT);
  if (state.next) asked.set("cursor", state.next);
  try {
    const page = await get(`${api}/requests?${asked}`);
    state.requests.push(...page.requests);
    state.next = page.next;
    alive(true, `${count(state.requests.length)} shown`);
  } catch (error) {
    alive(false, "Not loaded");
    fill(byId("banners"), h("p", { class: "banner over" }, error.message));
    say(error.message);
  }
  show();
}

const amount = (one) => (one.amount === null ? one.evidence === "pending" ? "pending" : "unknown"
  : one.amount);
const used = (one) => (one.quantity === null ? count(tokens(one)) : `${one.quantity} ${one.unit}`);

function show() {
  fill(byId("requests"), table("Requests, newest first", [
    { title: "Time", cell: (row) => h("time", { datetime: row.time, title: row.time }, moment(row.time)) },
    { title: "Id", names: true, cell: (row) => h("button",
      { class: "quiet", "data-at": `${row.page}.${row.row}`, "data-key": `${row.page}.${row.row}` }, row.id) },
    { title: "Model", cell: (row) => row.model ?? "not named" },
    { title: "Use case", cell: (row) => row.use_case ?? "not set" },
    { title: "User", cell: (row) => row.user ?? "not set" },
    { title: "Status", number: true, cell: (row) => row.status },
    { title: "Evidence", cell: (row) => row.evidence.replace("_", " ") },
    { title: "Used", number: true, cell: used },
    { title: "Amount", number: true, cell: amount },
    { title: "Corrections", number: true, cell: (row) => count(row.corrections.length) },
  ], state.requests, { empty: state.next ? "None found yet." : "No requests match." }));
  fill(byId("more"), state.next
    ? h("button", { "data-do": "more", "data-key": "more" }, "Show more") : []);
  fill(byId("actions"), h("button", { "data-do": "csv", "data-key": "csv" }, "Download CSV"));
  showOne();
}

const field = (name, value) => ({ name, value });

function facts(one) {
  const unit = (name) => one.price?.unit_prices[name];
  return [
    field("Evidence", one.evidence.replace("_", " ")),
    field("Model charged", one.model),
    field("Asked for", one.requested_model),
    field("Model that answered", one.model_served),
    field("Deployment", one.deployment),
    field("Back end", one.backend),
    field("Status", `${one.status}${one.error ? ` (${one.error})` : ""}`),
    field("Use case", one.use_case),
    field("User", one.user),
    ...Object.entries(one.tokens).map(([name, value]) => field(
      `Tokens: ${name.replaceAll("_", " ")}`,
      `${count(value)}${unit(name) ? ` × ${unit(name)}` : ""}`)),
    field("Quantity", one.quantity === null ? null : `${one.quantity} ${one.unit}`),
    field("Price version", one.price?.version ?? "no price"),
    field("No price", one.unpriced_reason?.replaceAll("_", " ")),
    field("Price row", one.price ? one.price.row ?? "a price of the plan" : null),
    field("Multiplier", one.price?.multiplier),
    field("Amount", amount(one)),
  ].filter((row) => row.value !== null && row.value !== undefined);
}

function showOne() {
  const one = state.requests.find((row) => `${row.page}.${row.row}` === state.chosen);
  byId("one-card").hidden = !one;
  if (!one) return;
  const columns = [
    { title: "Field", cell: (row) => row.name },
    { title: "Value", wide: true, cell: (row) => row.value },
  ];
  const about = [
    field("Time", one.time), field("Type", one.type), field("Source", one.source),
    field("Subscription", one.subscription), field("Product", one.product),
    field("Region", one.region),
    field("Service tier", one.service_tier), field("Ledger page and row", `${one.page}, ${one.row}`),
  ].filter((row) => row.value !== null);
  byId("one-title").textContent = `Request ${one.id}`;
  fill(byId("one"), table(`Request ${one.id}`, columns, [...facts(one), ...about]),
    one.corrections.map((before, at) => h("div", {},
      h("h3", {}, `State ${at + 1}, replaced (page ${before.page}, row ${before.row})`),
      table(`State ${at + 1} of request ${one.id}`, columns, facts(before)))));
}

// Pages are bounded, so a file is put together from several.
async function download() {
  const asked = new URLSearchParams(filter);
  asked.set("limit", CSV_LIMIT);
  asked.set("format", "csv");
  let next = `${api}/requests?${asked}`;
  const parts = [];
  while (next && parts.length < CSV_PAGES) {
    const answer = await fetch(next, { credentials: "same-origin" });
    if (!answer.ok) throw new Error(answer.statusText);
    parts.push(await answer.text());
    next = /<([^>]+)>; rel="next"/.exec(answer.headers.get("Link") ?? "")?.[1] ?? null;
  }
  const url = URL.createObjectURL(new Blob(parts, { type: "text/csv" }));
  const link = h("a", { href: url, download: `${tenant}-requests.csv` });
  document.body.append(link);
  link.click();
  link.remove();
  URL.revokeObjectURL(url);
  say(next ? "The file has the first requests only: use metering requests list --csv."
    : "The file is complete.");
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-do], [data-at]");
  if (!button) return;
  if (button.dataset.at) {
    state.chosen = button.dataset.at;
    showOne();
    byId("one-title").focus();
    return;
  }
  button.disabled = true;
  try {
    await (button.dataset.do === "more" ? more() : download());
  } catch (error) {
    fill(byId("banners"), h("p", { class: "banner over" }, `The download failed: ${error.message}`));
  } finally {
    button.disabled = false;
  }
});

showFilter();
more();
