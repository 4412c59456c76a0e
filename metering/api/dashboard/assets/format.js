// Formats figures. Amounts are decimal strings, which Intl formats without floats.

const numbers = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const times = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const moments = new Intl.DateTimeFormat("en-GB",
  { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const days = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

export const count = (value) => numbers.format(value);
export const short = (value) => (value < 10000 ? numbers.format(value) : compact.format(value));
// A number of things: "1 request", "2,000 requests".
export const plural = (value, noun) => `${short(value)} ${noun}${value === 1 ? "" : "s"}`;
export const time = (iso) => times.format(new Date(iso));
export const moment = (iso) => moments.format(new Date(iso));
export const instant = (iso) => `${iso.slice(0, 16).replace("T", " ")} UTC`;
export const day = (iso) => days.format(new Date(`${iso.slice(0, 10)}T00:00:00Z`));

const made = new Map();

// An amount to the cent; below ten cents, to two significant digits.
export function money(text, currency) {
  if (text === null || text === undefined) return "unknown";
  const size = Math.abs(Number(text));
  const isSmall = size > 0 && size < 0.0995;
  const key = `${currency}${isSmall}`;
  if (!made.has(key)) {
    const figures = isSmall ? { maximumSignificantDigits: 2 } : {};
    made.set(key, new Intl.NumberFormat("en",
      { style: "currency", currency, currencyDisplay: "narrowSymbol", ...figures }));
  }
  return made.get(key).format(text);
}

// An axis label: round and short.
export function axisMoney(value, currency) {
  if (value === null) return "";
  const digits = Math.abs(value) < 10 && value % 1 ? { maximumSignificantDigits: 3 }
    : { maximumFractionDigits: 0 };
  return new Intl.NumberFormat("en", { style: "currency", currency, notation: "compact",
    currencyDisplay: "narrowSymbol", ...(value >= 1000 ? { maximumFractionDigits: 1 } : digits),
  }).format(value);
}

export const quantity = (text, metric, currency) =>
  metric === "amount" ? money(text, currency) : count(text);

export function ago(iso, now) {
  const seconds = Math.max(0, Math.round((now - new Date(iso)) / 1000));
  return seconds < 5 ? "just now" : `${lasts(seconds)} ago`;
}

export function lasts(seconds) {
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
  return plural(Math.round(seconds / 86400), "day");
}

export const tokens = (row) => Object.values(row.tokens).reduce((sum, one) => sum + one, 0);
