// The part of a tenant's page with which operators stop and resume it.

import { get, post } from "./api.js";
import { byId, fill, h, say, table } from "./dom.js";
import { moment } from "./format.js";

const place = byId("stops");
const { tenant } = place.dataset;
const path = `/api/tenants/${encodeURIComponent(tenant)}`;

function show({ subscriptions, stopped }) {
  const rows = [null, ...subscriptions].map((name) => ({
    name, stop: stopped.find((one) => one.subscription === name),
  }));
  const about = (row) => row.name ?? "all subscriptions";
  fill(place, table("Stops of this tenant", [
    { title: "Requests of", names: true, cell: about },
    { title: "State", wide: true, cell: (row) => (row.stop
      ? `stopped ${moment(row.stop.since)}: ${row.stop.reason}` : "admitted") },
    { title: "Action", cell: (row) => h("button", {
      "data-action": row.stop ? "resume" : "stop", "data-name": row.name ?? "",
      "aria-label": `${row.stop ? "Resume" : "Stop"} ${about(row)}`,
    }, row.stop ? "Resume" : "Stop") },
  ], rows));
}

place.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-action]");
  if (!button) return;
  const { action, name } = button.dataset;
  const reason = prompt(`Reason to ${action} ${name || tenant}, for the audit log`);
  if (!reason) return;
  button.disabled = true;
  try {
    show(await post(`${path}/${action}`, { reason, subscription: name || null }));
    say(`${name || tenant}: ${action === "stop" ? "stopped" : "resumed"}.`);
  } catch (error) {
    button.disabled = false;
    say(`The action failed: ${error.message}`);
    button.after(h("span", { class: "soft" }, ` ${error.message}`));
  }
});

get(path).then(show, (error) => fill(place, h("p", { class: "soft" }, error.message)));
