// What every part uses: values as text, elements, and templates, which look things up and do nothing else.
// The files of this folder are put together in their order, inside one function in strict mode.

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const config = read("config");
const root = document.getElementById("root");
const style = config.style || {};
const state = { result: null, view: null, input: {}, error: "", form: {}, typed: {} };
const used = new Set();
const followUps = document.createElement("div");

// --- small things ---------------------------------------------------------------------------

const has = (value, name) =>
  value !== null && typeof value === "object" && Object.prototype.hasOwnProperty.call(value, name);

const el = (tag, className, ...children) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
};

const svg = (tag, attributes, ...children) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

const label = (name) => {
  const spaced = String(name).replace(/[_-]+/g, " ").replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
};

const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/;
const show = (value) => {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (typeof value === "number") return value.toLocaleString(undefined, { maximumFractionDigits: 6 });
  if (typeof value === "string") {
    const moment = MOMENT.test(value) ? new Date(value) : null;
    if (moment && !Number.isNaN(moment.getTime()))
      return moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
    return value;
  }
  return JSON.stringify(value);
};
const text = (slots, name) => (has(slots, name) ? show(slots[name]) : "");
const group = (slots, prefix) =>
  Object.entries(slots).filter(([name]) => name.startsWith(prefix + "."))
    .map(([name, value]) => [name.slice(prefix.length + 1), value]);
const measured = (value) => {
  if (typeof value !== "number") return show(value);
  const digits = Number.parseInt(style.precision, 10);
  const options = Number.isInteger(digits) && digits >= 0 && digits <= 6
    ? { minimumFractionDigits: digits, maximumFractionDigits: digits } : { maximumFractionDigits: 2 };
  if (style.format === "percent")
    return (Math.abs(value) <= 1 ? value * 100 : value).toLocaleString(undefined, options) + "%";
  return value.toLocaleString(undefined, options);
};
const webAddress = (value) => {
  try {
    const url = new URL(String(value));
    return ["https:", "http:", "mailto:", "tel:"].includes(url.protocol) ? url.href : "";
  } catch {
    return "";
  }
};

// --- templates: lookups and nothing else ------------------------------------------------------

const inside = (value, path) => {
  for (const step of path) {
    if (!has(value, step)) return undefined;
    value = value[step];
  }
  return value;
};

const lookup = (path, scope) => {
  for (const [name, names] of Object.entries(config.roots))
    if (names.includes(path[0]) && scope[name] !== undefined && scope[name] !== null)
      return inside(scope[name], path.slice(1));
  for (const name of ["item", "form", "result", "input"])
    for (const steps of [path, path.slice(1)]) {
      const found = steps.length ? inside(scope[name], steps) : undefined;
      if (found !== undefined && found !== null) return found;
    }
  return undefined;
};

const asText = (value) =>
  value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);

const filled = (parts, scope) =>
  parts.length === 1 && Array.isArray(parts[0])
    ? lookup(parts[0], scope)
    : parts.map((part) => (typeof part === "string" ? part : asText(lookup(part, scope)))).join("");

const built = (piece, scope) => {
  if (has(piece, "parts")) return filled(piece.parts, scope) ?? null;
  if (has(piece, "items")) return piece.items.map((item) => built(item, scope));
  if (has(piece, "members"))
    return Object.fromEntries(Object.entries(piece.members).map(([name, member]) => [name, built(member, scope)]));
  return piece.value;
};
