// --- the primitives ---------------------------------------------------------------------------

const primitives = {
  "data-table"() {
    const all = items();
    if (!all.length) return [heading(slotsOf()), emptyNote()];
    const columns = state.view.columns;
    const withButtons = config.actions.some((action) => action.trigger === "button.click" && action.ofItem);
    const numeric = new Set(columns.filter((column) => all.every(({ slots }) =>
      !has(slots, `columns.${column}`) || typeof slots[`columns.${column}`] === "number")));
    const head = el("tr", "", ...columns.map((column) => {
      const cell = el("th", numeric.has(column) ? "number" : "", label(column));
      cell.scope = "col";
      return cell;
    }));
    if (withButtons) head.append(el("th"));
    const body = el("tbody");
    for (const [name, members] of grouped(all)) {
      if (name) {
        const cell = el("td", "", name);
        cell.colSpan = columns.length + (withButtons ? 1 : 0);
        body.append(el("tr", "group", cell));
      }
      for (const item of members) {
        const row = el("tr", "", ...columns.map((column) =>
          el("td", numeric.has(column) ? "number" : "", show(item.slots[`columns.${column}`]))));
        if (withButtons) row.append(el("td", "", buttons(item.raw, item.itemKey, true)));
        body.append(selectable(row, ["row.select", "card.select"], item.raw, item.itemKey));
      }
    }
    const table = el("table", `${density()}${style.monospace === "true" ? " mono" : ""}`.trim(), el("thead", "", head), body);
    return [heading(slotsOf()), el("div", "scroll", table), cutNote()];
  },

  list() {
    const all = items();
    if (!all.length) return [emptyNote()];
    const list = el("ul", `rows scroll${density()}`);
    for (const [name, members] of grouped(all)) {
      if (name) list.append(el("li", "group", name));
      for (const item of members) {
        const { slots } = item;
        const badge = text(slots, "badge");
        const row = el("li", "",
          has(slots, "checked") ? el("span", "", slots.checked ? "☑" : "☐") : null,
          el("div", "grow",
            el("div", "title", text(slots, "title")),
            text(slots, "subtitle") ? el("div", "muted small", text(slots, "subtitle")) : null,
            text(slots, "body") ? el("div", "small prose", text(slots, "body")) : null,
            buttons(item.raw, item.itemKey, true)),
          text(slots, "timestamp") ? el("span", "muted small", text(slots, "timestamp")) : null,
          badge ? el("span", "badge", badge) : null);
        list.append(selectable(row, ["row.select", "card.select"], item.raw, item.itemKey));
      }
    }
    return [list, cutNote()];
  },

  card() {
    return [selectable(card(slotsOf(), base(), "card"), ["card.select"], base(), "card")];
  },

  "card-grid"() {
    const all = items();
    if (!all.length) return [emptyNote()];
    const parts = [];
    for (const [name, members] of grouped(all)) {
      if (name) parts.push(el("h2", "", name));
      const grid = el("div", "grid", ...members.map((item) =>
        selectable(card(item.slots, item.raw, item.itemKey, true), ["card.select", "row.select"], item.raw, item.itemKey)));
      if (style.columns) grid.dataset.columns = String(style.columns);
      parts.push(grid);
    }
    return [...parts, cutNote()];
  },

  detail() {
    const slots = slotsOf();
    const parts = [heading(slots)];
    if (has(slots, "image")) parts.push(picture(slots.image, text(slots, "title")));
    if (has(slots, "value")) parts.push(el("p", "value", formatNumber(slots.value)));
    if (has(slots, "body")) parts.push(prose(slots.body));
    const fields = group(slots, "fields");
    if (fields.length) parts.push(pairs(fields));
    for (const [name, value] of group(slots, "sections")) parts.push(el("h2", "", label(name)), tree(value, 0));
    if (!Object.keys(slots).length) parts.push(tree(base(), 0));
    parts.push(buttons(base(), "detail", true), submitButtons());
    return [el("article", "panel", ...parts.filter(Boolean))];
  },

  form() {
    const form = el("form", "panel");
    const mapped = Object.fromEntries(group(slotsOf(), "fields"));
    for (const field of config.form) {
      const source = [state.typed, mapped, state.input].find((source) => has(source, field.name));
      form.append(control(field, source ? source[field.name] : undefined));
    }
    // Keeps what the user typed when the form is drawn again for a later result.
    form.addEventListener("input", () => Object.assign(state.typed, formValues(form)));
    const submit = el("button", "main", style.submitLabel || "Submit");
    submit.type = "submit";
    form.append(el("div", "buttons", submit));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      state.form = formValues(form);
      fire("form.submit", base(), JSON.stringify(state.form));
    });
    return [form];
  },

  chart() {
    const slots = slotsOf();
    const list = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]);
    const names = list(slots.x).map(show);
    const series = [["y", list(slots.y)], ...group(slots, "series").map(([name, value]) => [name, list(value)])]
      .map(([name, values]) => [name, values.map((value) => (typeof value === "number" && Number.isFinite(value) ? value : 0))])
      .filter(([, values]) => values.length);
    if (!series.length) return [heading(slots), emptyNote()];
    const kind = has(charts, style.type) ? style.type : "bar";
    const drawing = charts[kind](names, series);
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", series.map(([name, values]) =>
      `${label(name === "y" ? config.yName : name)}: ${values.map((value, index) => `${names[index] ?? index + 1} ${show(value)}`).join(", ")}`).join("; "));
    const legend = series.length > 1 ? el("div", "legend small", ...series.map(([name], index) =>
      el("span", "", el("i", `c${index % 4}`), label(name === "y" ? config.yName : name)))) : null;
    const points = names.map((name, index) => ({ x: name, y: series[0][1][index] }));
    return [el("figure", "panel", heading(slots), drawing, legend), buttons(points[points.length - 1], "chart", true)];
  },

  text() {
    const slots = slotsOf();
    const body = has(slots, "body") ? slots.body : has(slots, "text") ? slots.text : Object.keys(slots).length ? "" : base();
    return [el("article", "panel", ...[heading(slots), prose(body), has(slots, "link") ? link(slots.link) : null,
      buttons(base(), "text", true), submitButtons()].filter(Boolean))];
  },

  metric() {
    const slots = slotsOf();
    const value = has(slots, "value") ? slots.value : base();
    return [el("div", "panel", ...[el("p", "muted", text(slots, "label") || text(slots, "title")),
      el("p", "big", formatNumber(value)),
      has(slots, "delta") ? el("p", "small muted", formatNumber(slots.delta)) : null].filter(Boolean))];
  },

  timeline() {
    const all = items();
    if (!all.length) return [emptyNote()];
    return [el("ol", "line", ...all.map((item) => {
      const { slots } = item;
      const entry = el("li", "", ...[
        text(slots, "timestamp") ? el("div", "muted small", text(slots, "timestamp")) : null,
        el("div", "title", text(slots, "title"), " ", text(slots, "badge") ? el("span", "badge", text(slots, "badge")) : ""),
        text(slots, "body") ? el("div", "prose", text(slots, "body")) : null,
        buttons(item.raw, item.itemKey, true)].filter(Boolean));
      return selectable(entry, ["row.select", "card.select"], item.raw, item.itemKey);
    })), cutNote()];
  },

  image() {
    const slots = slotsOf();
    const source = has(slots, "src") ? slots.src : slots.image;
    const shown = picture(source, text(slots, "alt") || text(slots, "title"));
    return [el("figure", "", ...[shown || emptyNote(), text(slots, "caption") ? el("figcaption", "muted small", text(slots, "caption")) : null].filter(Boolean))];
  },
};
