// The tenant's page.

import { get, poll } from "./api.js";
import { colour, draw } from "./charts.js";
import { byId, fill, h, say, table } from "./dom.js";
import { ago, axisMoney, count, day, moment, money, plural, quantity, short, tokens } from "./format.js";

const { api, requests: requestsPage } = byId("view").dataset;
const percents = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });
const MODELS_SHOWN = 6;
const TOP = 8;
const DAY_MS = 86400000;
const EVIDENCE = {
  missing: "Counts missing", estimated: "Estimated", recovered: "Recovered from logs", totals: "Totals only",
  aggregate: "Sums of many",
};
const STATUS = { on_target: "within", near: "near", over: "over" };

const now = { balance: null, quotas: null, days: null };

poll(
  `${api}/changes`,
  async () => {
    const [balance, quotas, alerts] = await Promise.all(
      [get(`${api}/balance`), get(`${api}/quotas`), get(`${api}/alerts?limit=8`)]);
    Object.assign(now, { balance, quotas });
    showPeriod();
    showBanners();
    showStopped();
    showTiles();
    showQuotas();
    showBurn();
    showAlerts(alerts);
  },
  async () => {
    const [days, cases, users, statements, units] = await Promise.all([
      get(`${api}/usage?group_by=day,model&limit=5000`),
      get(`${api}/usage?group_by=use_case&limit=500`),
      get(`${api}/usage?group_by=end_user&limit=500`),
      get(`${api}/statements?limit=24`),
      get(`${api}/unit-costs`),
    ]);
    now.days = days;
    showDays();
    if (now.balance) showBurn();
    showTop("cases", cases.items, "use_case", "Use case");
    showTop("users", users.items, "end_user", "User");
    showStatements(statements.items);
    showUnits(units);
  },
);

// The requests behind a figure: their page with this filter; null stands for "not set".
const behind = (filter) => {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) {
    if (value !== undefined) asked.set(name, value ?? "");
  }
  return `${requestsPage}?${asked}`;
};
const drill = (text, filter, about) => h("a",
  { href: behind(filter), "aria-label": `Requests: ${about}`, "data-key": behind(filter) }, text);
const inPeriod = () => ({ period: now.balance?.period });

const cash = (text) => money(text, now.balance.currency);

function showPeriod() {
  const { period, start, end, plan } = now.balance;
  const last = new Date(new Date(end) - 1).toISOString();
  byId("period").textContent = `Period ${period}: ${day(start)} to ${day(last)}, plan ${plan}`;
}

function enforced() {
  return now.quotas.quotas.filter((one) => one.mode !== "shadow" && one.action !== "notify");
}

function showBanners() {
  const reached = enforced().filter((one) => one.percent >= 100);
  const near = enforced().filter((one) => one.percent >= 80 && one.percent < 100);
  const messages = [
    ...reached.map((one) => ["over", `${does(one)}: the quota “${one.about}” is used up. It resets ${
      moment(one.window_end)}.`]),
    ...near.map((one) => ["near", `${one.percent} % of the quota “${one.about}” is used.`]),
  ];
  fill(byId("banners"), messages.map(([kind, text]) => h("p", { class: `banner ${kind}` }, text)));
  if (messages.length) say(messages.map(([, text]) => text).join(" "));
}

function showStopped() {
  const place = byId("stopped");
  const texts = now.quotas.stopped.map((one) => `${one.subscription
    ? `Requests of subscription ${one.subscription}` : "All requests"} are blocked: an operator stopped ${
    one.subscription ? "it" : "this tenant"} ${moment(one.since)} (${one.reason}).`);
  if (texts.length && place.textContent !== texts.join(" ")) say(texts.join(" "));
  place.hidden = !texts.length;
  place.textContent = texts.join(" ");
}

function does(quota) {
  return quota.action === "block" ? "Requests are blocked" : `Requests ${quota.action}`;
}

function tile(title, value, note, kind) {
  return h("div", { class: kind ? `tile ${kind}` : "tile" },
    h("h2", {}, title), h("p", { class: "figure" }, value), h("p", { class: "soft" }, note));
}

function showTiles() {
  const { balance, quotas } = now;
  const used = tokens(balance);
  const { pending, credits: credit, unpriced } = balance;
  const isSame = balance.total === balance.amount;
  fill(byId("tiles"),
    tile("Spend", cash(balance.amount), isSame ? "exact, to date"
      : `${cash(balance.total)} with fees and allowances`),
    tile("Forecast", cash(quotas.amount.projected), `at the end of the period, at ${
      cash(quotas.amount.an_hour)} per hour`),
    balance.provisioned.as_of ? tile("Provisioned", cash(balance.provisioned.amount),
      `accrued until ${moment(balance.provisioned.as_of)}, provisional${
        balance.provisioned.complete ? "" : " and incomplete"}; ${
        cash(balance.provisioned.projected)} by the end of the period`) : null,
    tile("Requests", drill(short(balance.requests), inPeriod(), "all of this period"), pending.requests
      ? `and ${count(pending.requests)} pending`
      : `${count(balance.not_billable - balance.from_cache)} rejected or failed`),
    tile("Tokens", short(used), `${short(balance.tokens.output ?? 0)} output`),
    credit ? tile("Credit remaining", money(credit.remaining, credit.currency),
      `of ${money(credit.granted, credit.currency)}`, credit.remaining === "0" ? "over" : null)
      : null,
    unpriced ? tile("Unpriced", drill(count(unpriced), { ...inPeriod(), unpriced: true }, "without a price"),
      "requests, not in the spend", "near") : null,
    ...Object.keys(EVIDENCE)
      .filter((kind) => balance.evidence[kind])
      .map((kind) => tile(EVIDENCE[kind], drill(count(balance.evidence[kind]),
        { ...inPeriod(), evidence: kind }, EVIDENCE[kind]), "requests by evidence", "near")));
}

function level(percent) {
  return percent >= 100 ? "over" : percent >= 80 ? "near" : "within";
}

function showQuotas() {
  const { quotas, currency } = now.quotas;
  if (!quotas.length) {
    fill(byId("quotas"), h("p", { class: "soft" }, "This tenant has no quotas."));
    return;
  }
  fill(byId("quotas"), h("ul", { class: "quotas" }, quotas.map((one) => {
    const amount = (text) => quantity(text, one.metric, currency);
    const kind = level(one.percent);
    const bar = h("div", {
      class: `meter ${kind}`, role: "meter", "aria-label": one.about, "aria-valuemin": 0,
      "aria-valuemax": 100, "aria-valuenow": Math.min(100, one.percent),
      "aria-valuetext": `${one.percent} %`,
    }, h("span", {}));
    bar.firstElementChild.style.width = `${Math.min(100, one.percent)}%`;
    return h("li", {},
      h("div", { class: "line" },
        h("strong", {}, one.about),
        h("span", { class: `badge ${kind}` }, one.mode === "shadow" ? "shadow" : one.action)),
      bar,
      h("div", { class: "line soft" },
        h("span", {}, `${amount(one.used)} of ${amount(one.limit)} (${one.percent} %), ${
          amount(one.remaining)} left${one.provisioned_as_of ? `; ${
          amount(one.provisioned)} of it provisioned, accrued until ${
          moment(one.provisioned_as_of)}, provisional` : ""}${
          one.counting ? "; earlier usage is still being counted" : ""}`),
        h("span", {}, ends(one), " ", drill("Requests",
          { from: one.window_start, to: one.window_end }, `in the window of ${one.about}`))));
  })));
}

function ends(one) {
  if (one.percent >= 100) return `resets ${moment(one.window_end)}`;
  return one.exhausted_at ? `used up around ${moment(one.exhausted_at)}`
    : `lasts until the reset ${moment(one.window_end)}`;
}

// The remaining budget of the period, or the spend if there is no budget, with a forecast.
function showBurn() {
  const { balance, quotas, days } = now;
  if (!days) return;
  const budget = quotas.quotas.find((one) => one.metric === "amount" && one.provisioned === null
    && one.window_start === balance.start && one.window_end === balance.end);
  const [start, end, at] = [balance.start, balance.end, balance.as_of].map((one) => new Date(one));
  const sums = new Map();
  for (const row of days.items) {
    sums.set(row.group.day, (sums.get(row.group.day) ?? 0) + Number(row.amount ?? 0));
  }
  const points = [{ x: +start, spent: 0 }];
  let spent = 0;
  for (const name of [...sums.keys()].sort()) {
    spent += sums.get(name);
    const ending = +new Date(`${name}T00:00:00Z`) + DAY_MS;
    if (ending < at && ending > start) points.push({ x: ending, spent });
  }
  points.push({ x: +at, spent: Number(balance.amount), isNow: true });
  points.push({ x: +end });
  const limit = budget ? Number(budget.limit) : 0;
  const isOver = budget && Number(budget.used) >= limit;
  const shown = (value) => (budget ? Math.max(0, limit - value) : value);
  const actual = points.map((one) => (one.spent === undefined ? null : shown(one.spent)));
  const projected = Number(quotas.amount.projected);
  const ahead = points.map((one) => (one.isNow ? shown(one.spent)
    : one.spent === undefined ? shown(projected) : null));
  if (budget?.exhausted_at && !isOver) {
    const x = +new Date(budget.exhausted_at);
    points.splice(-1, 0, { x });
    actual.splice(-1, 0, null);
    ahead.splice(-1, 0, 0);
  }
  const even = budget && points.map((one) => limit * (1 - (one.x - start) / (end - start)));
  const labels = points.map((one) => moment(new Date(one.x).toISOString()));
  const texts = (values) => values.map((value) => (value === null ? "" : cash(value.toFixed(6))));
  byId("burn-title").textContent = budget ? "Remaining budget and forecast" : "Spend and forecast";
  byId("burn-note").textContent = budget
    ? isOver ? `The budget of ${cash(budget.limit)} is used up.`
      : `${cash(budget.remaining)} of ${cash(budget.limit)} remaining; at this rate it ${budget.exhausted_at
        ? `is used up ${moment(budget.exhausted_at)}` : "lasts"}.`
    : `${cash(balance.amount)} so far; ${cash(quotas.amount.projected)} at the end of the period, at this rate.`;
  const series = [
    { name: budget ? "Remaining" : "Spent", colour: "--c0", values: actual, texts: texts(actual), fill: true },
    { name: "Forecast", colour: "--c0", values: ahead, texts: texts(ahead), dash: [6, 5] },
    ...(budget ? [{ name: "Even pace", colour: "--soft", values: even, texts: texts(even),
      dash: [2, 4], thin: true }] : []),
  ];
  draw(byId("burn"), {
    x: points.map((one) => one.x / 1000),
    tick: (seconds) => day(new Date(seconds * 1000).toISOString()),
    labels, series, stacked: false, scale: (value) => axisMoney(value, balance.currency),
    caption: "Spend and forecast over the period",
    summary: byId("burn-note").textContent,
    columns: [
      { title: "Time", cell: (row) => row.label },
      ...series.map((one, at) => ({ title: one.name, number: true, cell: (row) => row.texts[at] })),
    ],
    rows: labels.map((label, at) => ({ label, texts: series.map((one) => one.texts[at]) })),
  });
}

function showDays() {
  const { items } = now.days;
  const names = [...new Set(items.map((row) => row.group.day))].sort();
  const models = new Map();
  for (const row of items) {
    const model = row.group.model ?? "other meters";
    if (!models.has(model)) models.set(model, new Map());
    models.get(model).set(row.group.day, row);
  }
  const total = (byDay) => [...byDay.values()].reduce((sum, row) => sum + Number(row.amount ?? 0), 0);
  const ordered = [...models].sort((a, b) => total(b[1]) - total(a[1]));
  const currency = now.balance?.currency ?? "USD";
  const series = ordered.slice(0, MODELS_SHOWN).map(([name, byDay], at) => {
    const values = names.map((one) => Number(byDay.get(one)?.amount ?? 0));
    const texts = names.map((one) => money(byDay.get(one)?.amount ?? "0", currency));
    return { name, colour: colour(at), values, texts };
  });
  const rest = ordered.slice(MODELS_SHOWN);
  if (rest.length) {
    const values = names.map((one) =>
      rest.reduce((sum, [, byDay]) => sum + Number(byDay.get(one)?.amount ?? 0), 0));
    series.push({ name: `${rest.length} others`, colour: colour(MODELS_SHOWN), values,
      texts: values.map((value) => money(value.toFixed(6), currency)) });
  }
  byId("days-note").textContent = "Spend by UTC day, before the fees and allowances of the period.";
  draw(byId("days"), {
    labels: names.map(day), series, stacked: true, scale: (value) => axisMoney(value, currency),
    caption: "Usage by day and model",
    summary: `Spend by day of ${plural(ordered.length, "model")} over ${plural(names.length, "day")};`
      + " see the table below for figures.",
    columns: [
      { title: "Day", cell: (row) => drill(day(row.group.day),
        { day: row.group.day, model: row.group.model }, `${row.group.day}, ${row.group.model}`) },
      { title: "Model", cell: (row) => row.group.model ?? "other meters" },
      { title: "Requests", number: true, cell: (row) => count(row.requests) },
      { title: "Tokens", number: true, cell: (row) => count(tokens(row)) },
      { title: "Spend", number: true, cell: (row) => money(row.amount, currency) },
    ],
    rows: items,
    pick: (at) => location.assign(behind({ day: names[at] })),
  });
}

function showTop(place, items, group, title) {
  const size = (row) => Number(row.amount ?? 0);
  const sorted = [...items].sort((a, b) => size(b) - size(a) || b.requests - a.requests);
  const most = Math.max(...sorted.map(size), 0);
  const currency = now.balance?.currency ?? "USD";
  fill(byId(place), table(`${title} by spend in this period`, [
    { title, cell: (row) => {
      const bar = h("span", { class: "share", "aria-hidden": "true" });
      bar.style.width = `${most ? Math.max(1, Math.round(100 * size(row) / most)) : 0}%`;
      const name = row.group[group] ?? "not set";
      const filter = { ...inPeriod(), [group === "end_user" ? "user" : group]: row.group[group] };
      return h("div", { class: "shared" }, drill(name, filter, name), bar);
    } },
    { title: "Requests", number: true, cell: (row) => short(row.requests) },
    { title: "Tokens", number: true, cell: (row) => short(tokens(row)) },
    { title: "Spend", number: true, cell: (row) => money(row.amount, currency) },
  ], sorted.slice(0, TOP)));
}

// Unit costs and their targets; prompt efficiency for use cases without outcomes.
function showUnits({ use_cases: useCases, currency }) {
  const rows = useCases.flatMap((one) => (one.outcomes.length
    ? one.outcomes.map((outcome) => ({ ...one, ...outcome })) : [one]))
    .sort((a, b) => Boolean(b.target) - Boolean(a.target) || (b.count ?? 0) - (a.count ?? 0));
  const least = (row, text) => (text === null || text === undefined ? "unknown"
    : `${row.is_at_least ? "≥ " : ""}${money(text, currency)}`);
  const share = (text) => (text === null ? "" : percents.format(text));
  fill(byId("units"), table("Cost per outcome by use case", [
    { title: "Use case", cell: (row) => drill(row.use_case ?? "not set",
      { ...inPeriod(), use_case: row.use_case }, row.use_case ?? "not set") },
    { title: "Outcome", cell: (row) => row.outcome ?? "none reported" },
    { title: "Outcomes", number: true, cell: (row) => count(row.count ?? 0) },
    { title: "Cost per outcome", number: true, cell: (row) =>
      (row.count ? least(row, row.cost_per_outcome) : "") },
    { title: "Target", number: true, cell: (row) => (row.target ? money(row.target, currency) : "") },
    { title: "Status", cell: (row) => (row.target ? h("span",
      { class: `badge ${STATUS[row.status] ?? ""}` }, row.status.replaceAll("_", " ")) : "") },
    { title: "Cost per request", number: true, cell: (row) => least(row, row.cost_per_request) },
    { title: "Cached input", number: true, cell: (row) => share(row.cache_hit_ratio) },
    { title: "Output / input", number: true, cell: (row) => row.output_ratio ?? "" },
  ], rows));
}

// The text of an alert, without the tenant that this page already names.
function alertText({ kind, text, detail }) {
  if (kind === "quota") {
    const metric = detail.about.split(" ")[0];
    const amount = quantity(detail.limit, metric, now.balance.currency);
    const shadow = detail.mode === "shadow" ? " (shadow mode)" : "";
    return `${detail.threshold} % of “${detail.about}” (${amount}) reached: ${detail.action}${shadow}`;
  }
  return text.slice(text.indexOf(": ") + 2);
}

function showAlerts(alerts) {
  const read = Date.parse(alerts.as_of);
  fill(byId("alerts"), alerts.items.length
    ? h("ol", { class: "events" }, alerts.items.map((one) => h("li", {},
      h("span", { class: "text" }, alertText(one)),
      h("time", { datetime: one.at, title: moment(one.at) }, ago(one.at, read)))))
    : h("p", { class: "soft" }, "No alerts in this period."));
}

function showStatements(items) {
  const link = (row, format) => h("a", {
    href: `${api}/statements/${encodeURIComponent(row.period)}?format=${format}`,
    download: format === "html" ? null : "", target: format === "html" ? "_blank" : null,
    rel: format === "html" ? "noopener" : null,
    "aria-label": `Statement ${row.period} as ${format.toUpperCase()}`,
  }, format === "html" ? "Print" : format.toUpperCase());
  fill(byId("statements"), table("Statements", [
    { title: "Period", cell: (row) => row.period },
    { title: "Number", number: true, cell: (row) => count(row.number) },
    { title: "Total", number: true, cell: (row) => money(row.total, row.currency) },
    { title: "Download", cell: (row) =>
      h("span", { class: "links" }, ["html", "pdf", "csv", "json"].map((one) => link(row, one)),
        h("button", { class: "quiet", "data-lines": row.period, "data-key": `lines ${row.period}` }, "Lines")) },
  ], items, { empty: "No closed periods yet." }));
}

// The lines of a statement, each with the requests that it bills.
async function showLines(period) {
  const found = await get(`${api}/statements/${encodeURIComponent(period)}?format=json`);
  const of = (line) => line.charge_period ?? period;
  fill(byId("lines"), table(`Lines of statement ${period}`, [
    { title: "Line", cell: (line) => line.kind },
    { title: "Model", names: true, cell: (line) => (line.model
      ? drill(line.model, { period: of(line), model: line.model,
        bucket: line.bucket ?? undefined }, `${of(line)}, ${line.model} ${line.bucket ?? ""}`)
      : drill("all", { period: of(line) }, `${of(line)}, all`)) },
    { title: "Tokens", cell: (line) => line.bucket ?? "" },
    { title: "Quantity", number: true, cell: (line) => line.quantity ?? "" },
    { title: "Amount", number: true, cell: (line) => money(line.amount, found.currency) },
  ], found.lines, { seen: true }));
}

byId("statements").addEventListener("click", (event) => {
  const { lines } = event.target.closest("[data-lines]")?.dataset ?? {};
  if (lines) showLines(lines);
});
