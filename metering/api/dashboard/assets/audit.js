// The operator's page of changes: who asked for what, and what became of it.

import { alive, get } from "./api.js";
import { byId, fill, h, say, table } from "./dom.js";
import { count } from "./format.js";

const state = { items: [], next: null };
const KIND = { done: "within", refused: "near", failed: "over" };

const told = (value) => (value === null ? "" : JSON.stringify(value, null, 1));

async function more() {
  const day = byId("day").value;
  const asked = new URLSearchParams({ limit: 100 });
  if (day) asked.set("day", day);
  if (state.next) asked.set("cursor", state.next);
  try {
    const page = await get(`/api/audit?${asked}`);
    state.items.push(...page.items);
    state.next = page.next;
    alive(true, `${count(state.items.length)} shown`);
  } catch (error) {
    alive(false, "Not loaded");
    fill(byId("banners"), h("p", { class: "banner over" }, error.message));
    say(error.message);
  }
  show();
}

function show() {
  fill(byId("audit"), table("Changes, newest first", [
    { title: "Time", cell: (row) => row.at },
    { title: "Author", names: true, cell: (row) => row.author },
    { title: "Action", cell: (row) => h("code", {}, row.action) },
    { title: "Resource", cell: (row) => row.resource },
    { title: "Outcome", cell: (row) => h("span", { class: `badge ${KIND[row.outcome] ?? ""}` }, row.outcome) },
    { title: "Change", wide: true, cell: (row) => (row.after === null ? "" : h("details", {},
      h("summary", {}, row.outcome === "asked" ? "Requested" : "Result"),
      row.before === null ? null : h("pre", {}, `before: ${told(row.before)}`),
      h("pre", {}, told(row.after)))) },
  ], state.items, { empty: "No changes on this day." }));
  fill(byId("more"), state.next
    ? h("button", { id: "next", "data-key": "more" }, "Show more") : []);
}

byId("day").addEventListener("change", () => {
  Object.assign(state, { items: [], next: null });
  more();
});
byId("more").addEventListener("click", more);
more();
