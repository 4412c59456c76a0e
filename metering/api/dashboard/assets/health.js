// The status row of the operator's page: the answers of `metering status`, and the age of prices.

import { byId, fill, h } from "./dom.js";
import { plural, short } from "./format.js";

const HOUR_MS = 3600000;
const TITLES = {
  "Does anything run?": "Last commit", "Is anything not read?": "Hub lag",
  "Is anything not counted?": "Dead letters", "Is anything not priced?": "Unpriced",
  "Is anything not closed?": "Overdue closes", "Is anything not delivered?": "Parked effects",
  "Does a fault need a person?": "Broken ledgers",
};
// The minutes need no words, the other figures are those of their title.
const shown = ({ figure, unit }) => (figure === null ? "unknown"
  : unit.startsWith("minutes") ? `${short(figure)} min` : short(figure));

export function showHealth(answers, work, letters) {
  const bad = answers.filter((one) => one.answer === "look").length;
  const old = work.price_sources.filter((one) => one.old);
  const isWell = !bad && !old.length;
  const chips = [
    ...answers.map((one) => chip(one.answer, TITLES[one.question] ?? one.question,
      shown(one) + (one.question === "Is anything not counted?" ? inAnHour(work, letters) : ""))),
    ...work.price_sources.map((one) => chip(one.old ? "look" : one.age_days === null ? "unknown" : "ok",
      `Prices, ${one.source}`, one.age_days === null ? "age unknown" : plural(one.age_days, "day"))),
  ];
  const steps = answers.filter((one) => one.remedy);
  fill(byId("health"),
    h("p", { class: "line", role: "status" }, h("strong", {}, isWell ? "Healthy"
      : `${plural(bad + old.length, "answer")} to look at`)),
    h("ul", { class: "health" }, chips),
    steps.length ? h("details", { open: byId("health").querySelector("details")?.open },
      h("summary", { "data-key": "steps" }, "Next steps"),
      h("ul", {}, steps.map((one) => h("li", {}, h("strong", {}, one.question), ` ${one.remedy}`)))) : null);
}

const KINDS = { ok: "within", look: "near", unknown: "" };

function chip(answer, title, figure) {
  return h("li", {}, h("span", { class: "soft" }, title), " ",
    h("span", { class: `badge ${KINDS[answer]}` }, figure), answer === "look" ? " look" : "");
}

// The letters are the latest ones: if all are of the last hour, there may be more.
function inAnHour(work, letters) {
  const since = Date.parse(work.as_of) - HOUR_MS;
  const recent = letters.filter((one) => Date.parse(one.received) > since).length;
  return `, ${recent === letters.length && recent >= 20 ? `${recent} or more` : recent} in an hour`;
}
