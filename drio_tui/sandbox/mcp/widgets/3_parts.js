// --- parts of widgets -------------------------------------------------------------------------

const base = () => (state.view && state.view.wrapped && has(state.result, "result") ? state.result.result : state.result);
const slotsOf = () => (state.view ? state.view.slots : {});
const items = () =>
  (state.view && state.view.items ? state.view.items : []).map((item, index) => ({
    slots: item.slots, raw: inside(base(), item.at), itemKey: String(index),
  }));

const picture = (source, alternative) => {
  if (typeof source === "string" && /^data:image\/(png|jpeg|gif|webp|avif);base64,/i.test(source)) {
    const image = el("img");
    image.src = source;
    image.alt = alternative;
    return image;
  }
  const address = webAddress(source);
  if (!address) return null;
  const button = el("button", "", "Open image");
  button.type = "button";
  button.addEventListener("click", () => host.openUrl(address));
  return el("div", "placeholder", el("p", "", alternative || "An image"), button);
};

const link = (value) => {
  const address = webAddress(value);
  if (!address) return null;
  const button = el("button", "", "Open link");
  button.type = "button";
  button.addEventListener("click", () => host.openUrl(address));
  return el("div", "buttons", button);
};

const heading = (slots) => {
  const badge = text(slots, "badge") || text(slots, "status");
  const title = text(slots, "title");
  const subtitle = text(slots, "subtitle");
  if (!title && !subtitle && !badge) return null;
  return el("div", "head",
    el("div", "grow", title ? el("h1", "", title) : null, subtitle ? el("p", "muted", subtitle) : null),
    badge ? el("span", "badge", badge) : null);
};

const pairs = (entries) => {
  const list = el("dl");
  for (const [name, value] of entries) list.append(el("dt", "", label(name)), el("dd", "", show(value)));
  return list;
};

const tree = (value, depth) => {
  if (Array.isArray(value)) {
    const list = el("ul", "rows");
    for (const item of value.slice(0, 50)) list.append(el("li", "", el("div", "grow", tree(item, depth + 1))));
    return value.length ? list : el("p", "muted", "None");
  }
  if (value !== null && typeof value === "object" && depth < 4) {
    const list = el("dl");
    for (const [name, inner] of Object.entries(value).slice(0, 60))
      list.append(el("dt", "", label(name)), el("dd", "", tree(inner, depth + 1)));
    return list;
  }
  return el("span", "", show(value));
};

const prose = (value) => {
  const body = el("div", "prose");
  if (style.format !== "markdown") {
    body.append(asText(value));
    return body;
  }
  for (const block of asText(value).split(/\n{2,}/)) {
    const title = /^(#{1,4})\s+(.*)$/.exec(block);
    if (title) body.append(el("h2", "", title[2]));
    else if (/^[-*]\s/.test(block))
      body.append(el("ul", "", ...block.split("\n").map((line) => el("li", "", line.replace(/^[-*]\s+/, "")))));
    else body.append(el("p", "", ...bold(block)));
  }
  return body;
};
const bold = (block) => block.split("**").map((piece, index) => (index % 2 ? el("strong", "", piece) : piece));

const grouped = (all) => {
  const by = style.groupBy;
  const name = (item) => (has(item.slots, "group") ? show(item.slots.group)
    : by && has(item.raw, by) ? show(item.raw[by]) : "");
  const groups = new Map();
  for (const item of all) groups.set(name(item), [...(groups.get(name(item)) || []), item]);
  return groups;
};
const density = () => (style.density === "compact" ? " compact" : "");
const cutNote = () => (state.view && state.view.cut ? el("p", "note small muted", `${state.view.cut} more are not shown.`) : null);
const emptyNote = () => el("p", "empty", "Nothing found.");

const card = (slots, raw, itemKey, small) => {
  const fields = group(slots, "fields");
  const parts = [
    has(slots, "image") ? picture(slots.image, text(slots, "title")) : null,
    heading(slots),
    has(slots, "value") ? el("p", "value", formatNumber(slots.value)) : null,
    has(slots, "delta") ? el("p", "small muted", formatNumber(slots.delta)) : null,
    has(slots, "body") ? prose(slots.body) : null,
    fields.length ? pairs(fields) : null,
    has(slots, "link") ? link(slots.link) : null,
    Object.keys(slots).length ? null : tree(raw, 0),
    buttons(raw, itemKey, true),
  ];
  return el("article", `panel card${small ? " small-card" : ""}`, ...parts.filter(Boolean));
};

// Outside a form, an action on `form.submit` is a button.
const submitButtons = () => {
  const elements = config.actions.filter((action) => action.trigger === "form.submit").map((action) => {
    const button = el("button", "", action.label);
    button.type = "button";
    button.addEventListener("click", () => run(action, scopeOf(base()), "submit"));
    return button;
  });
  return elements.length ? el("div", "buttons", ...elements) : null;
};

const control = (field, value) => {
  let input;
  if (Array.isArray(field.choices)) {
    input = el("select", "", ...(field.required ? [] : [el("option", "", "")]),
      ...field.choices.map((choice) => el("option", "", asText(choice))));
  } else if (field.type === "boolean") {
    input = el("input");
    input.type = "checkbox";
    input.checked = value === true;
  } else if (field.multiline) {
    input = el("textarea");
    input.rows = 4;
  } else {
    input = el("input");
    input.type = { integer: "number", number: "number" }[field.type]
      || { email: "email", date: "date", uri: "url" }[field.format] || "text";
    if (field.type === "number") input.step = "any";
  }
  input.name = field.name;
  input.required = Boolean(field.required) && field.type !== "boolean";
  if (field.type !== "boolean" && value !== undefined && value !== null) input.value = asText(value);
  const caption = el("span", "", field.title || label(field.name));
  return el("label", "", ...[caption, input, field.description ? el("small", "", field.description) : null].filter(Boolean));
};

const formValues = (form) => {
  const values = {};
  for (const field of config.form) {
    const input = form.elements.namedItem(field.name);
    if (!input) continue;
    if (field.type === "boolean") values[field.name] = input.checked;
    else if (input.value === "") continue;
    else if (field.type === "integer" || field.type === "number") values[field.name] = Number(input.value);
    else values[field.name] = Array.isArray(field.choices)
      ? field.choices.find((choice) => asText(choice) === input.value) : input.value;
  }
  return values;
};
