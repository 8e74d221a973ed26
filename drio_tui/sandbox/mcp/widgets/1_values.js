// Helpers of all other files: values as text, elements, and templates.
// The files of this folder are concatenated in their order, inside one function in strict mode.

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const config = read("config");
const root = document.getElementById("root");
const style = config.style || {};
const state = { result: null, view: null, input: {}, error: "", form: {}, typed: {} };
const used = new Set();
const followUps = document.createElement("div");

// --- values and elements ----------------------------------------------------------------------

const has = (value, name) =>
  value !== null && typeof value === "object" && Object.prototype.hasOwnProperty.call(value, name);

const el = (tag, className, ...children) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
};

const svg = (tag, attributes, ...children) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

const label = (name) => {
  const spaced = String(name).replace(/[_-]+/g, " ").replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
};

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/;
const show = (value) => {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (typeof value === "number") return value.toLocaleString(undefined, { maximumFractionDigits: 6 });
  if (typeof value === "string") {
    const date = TIMESTAMP.test(value) ? new Date(value) : null;
    if (date && !Number.isNaN(date.getTime()))
      return date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
    return value;
  }
  return JSON.stringify(value);
};
const text = (slots, name) => (has(slots, name) ? show(slots[name]) : "");
const group = (slots, prefix) =>
  Object.entries(slots).filter(([name]) => name.startsWith(prefix + "."))
    .map(([name, value]) => [name.slice(prefix.length + 1), value]);
const formatNumber = (value) => {
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

// --- templates: only lookups, nothing is evaluated --------------------------------------------

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
      const value = steps.length ? inside(scope[name], steps) : undefined;
      if (value !== undefined && value !== null) return value;
    }
  return undefined;
};

const asText = (value) =>
  value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);

const fillParts = (parts, scope) =>
  parts.length === 1 && Array.isArray(parts[0])
    ? lookup(parts[0], scope)
    : parts.map((part) => (typeof part === "string" ? part : asText(lookup(part, scope)))).join("");

const fillObject = (piece, scope) => {
  if (has(piece, "parts")) return fillParts(piece.parts, scope) ?? null;
  if (has(piece, "items")) return piece.items.map((item) => fillObject(item, scope));
  if (has(piece, "members"))
    return Object.fromEntries(Object.entries(piece.members).map(([name, value]) => [name, fillObject(value, scope)]));
  return piece.value;
};
