// --- the host: MCP Apps over postMessage, or ChatGPT's window.openai --------------------------

const openai = () => window.openai;
const hosted = window.parent !== window;
const waiting = new Map();
let lastId = 0;
const post = (message) => window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
const request = (method, params) =>
  new Promise((resolve, reject) => {
    const id = ++lastId;
    waiting.set(id, { resolve, reject });
    post({ id, method, params });
  });

const host = {
  async callTool(name, args) {
    if (openai()?.callTool) return openai().callTool(name, args);
    if (hosted) return request("tools/call", { name, arguments: args });
    return note(`Here ${name} would be called with ${JSON.stringify(args)}.`);
  },
  async sendMessage(message) {
    if (openai()?.sendFollowUpMessage) return openai().sendFollowUpMessage({ prompt: message });
    if (hosted) return request("ui/message", { role: "user", content: [{ type: "text", text: message }] });
    return note(`Here this would be said: ${message}`);
  },
  async openUrl(url) {
    const address = webAddress(url);
    if (!address) return note("That is not a web address.");
    if (openai()?.openExternal) return openai().openExternal({ href: address });
    if (hosted) return request("ui/open-link", { url: address });
    return note(`Here this would be opened: ${address}`);
  },
};

const take = (result) => {
  if (!result || typeof result !== "object") return;
  const said = (result.content || []).filter((block) => block.type === "text").map((block) => block.text).join("\n");
  state.error = result.isError ? said || "The call failed." : "";
  state.result = result.structuredContent ?? null;
  state.view = (result._meta || {})[config.viewMeta] ?? null;
  render();
};

const receive = (event) => {
  if (event.source !== window.parent) return;
  const message = event.data;
  if (!message || message.jsonrpc !== "2.0") return;
  if (message.id !== undefined && !message.method) {
    const asked = waiting.get(message.id);
    waiting.delete(message.id);
    if (asked && message.error) asked.reject(new Error(asText(message.error.message)));
    else if (asked) asked.resolve(message.result);
  } else if (message.method === "ui/notifications/tool-input") state.input = message.params?.arguments ?? {};
  else if (message.method === "ui/notifications/tool-result") take(message.params);
  else if (message.method === "ui/notifications/tool-cancelled") {
    state.error = "The call was cancelled.";
    render();
  } else if (message.id !== undefined) post({ id: message.id, result: {} });
};

const fromOpenai = () => {
  const given = openai();
  if (!given || given.toolOutput === undefined || given.toolOutput === null) return;
  state.input = given.toolInput ?? {};
  take({ structuredContent: given.toolOutput, _meta: given.toolResponseMetadata ?? {} });
};

const begin = async () => {
  const answer = await request("ui/initialize", {
    protocolVersion: "2026-01-26",
    appInfo: { name: config.name, version: config.version },
    appCapabilities: { availableDisplayModes: [...new Set(["inline", config.displayMode])] },
  });
  post({ method: "ui/notifications/initialized" });
  const modes = answer?.hostContext?.availableDisplayModes ?? [];
  if (config.displayMode !== "inline" && modes.includes(config.displayMode))
    await request("ui/request-display-mode", { mode: config.displayMode });
};

const tellSize = () => {
  const height = Math.ceil(document.documentElement.getBoundingClientRect().height);
  if (openai()?.notifyIntrinsicHeight) openai().notifyIntrinsicHeight(height);
  else if (hosted) post({ method: "ui/notifications/size-changed", params: { width: innerWidth, height } });
};

// --- actions ----------------------------------------------------------------------------------

const note = (message) => {
  followUps.replaceChildren(el("p", "note small muted", message));
};

const pick = (names, ...sources) => {
  const found = {};
  for (const name of names)
    for (const source of sources)
      if (has(source, name) && source[name] !== null && !has(found, name)) found[name] = source[name];
  return found;
};

const argumentsOf = (action, scope) => {
  const names = action.properties || [];
  if (!action.template) return pick(names, scope.form, scope.item, scope.result);
  if (has(action.template, "object")) return built(action.template.object, scope);
  const value = filled(action.template.parts, scope);
  const rest = scope.form ? pick(names, scope.form) : {};
  return action.argument && value !== undefined && value !== "" ? { ...rest, [action.argument]: value } : rest;
};

const run = async (action, scope, mark) => {
  const key = `${action.index}:${mark}`;
  if (used.has(key)) return;
  used.add(key);
  try {
    if (action.type === "callTool" && action.tool) {
      const result = await host.callTool(action.tool, argumentsOf(action, scope));
      if (result) showResult(action, result);
    } else if (action.type === "sendMessage")
      await host.sendMessage(asText(action.template ? filled(action.template.parts, scope) : action.label));
    else if (action.type === "openUrl")
      await host.openUrl(asText(action.template ? filled(action.template.parts, scope) : ""));
    if (action.repeats || action.type === "openUrl") used.delete(key);
  } catch (problem) {
    used.delete(key);
    note(`${action.label}: ${asText(problem.message) || "it failed"}`);
  }
  tellSize();
};

const showResult = (action, result) => {
  const said = (result.content || []).filter((block) => block.type === "text").map((block) => block.text);
  const body = !result.isError && result.structuredContent ? tree(result.structuredContent, 0)
    : el("p", "prose", said[0] || (result.isError ? "It failed." : "Done."));
  followUps.replaceChildren(el("section", "panel note", el("h2", "", action.label), body));
};

const scopeOf = (item) => ({
  item, result: base(), input: state.input, form: config.primitive === "form" ? state.form : undefined,
  view: state.view ? state.view.slots : {},
});

const fire = (trigger, item, mark) => {
  for (const action of config.actions.filter((each) => each.trigger === trigger)) run(action, scopeOf(item), mark);
};

const selectable = (element, triggers, item, mark) => {
  const wanted = triggers.filter((trigger) => config.actions.some((action) => action.trigger === trigger));
  if (!wanted.length) return element;
  element.classList.add("pick");
  element.tabIndex = 0;
  const select = () => wanted.forEach((trigger) => fire(trigger, item, mark));
  element.addEventListener("click", (event) => {
    if (!event.target.closest("button")) select();
  });
  element.addEventListener("keydown", (event) => {
    if ((event.key === "Enter" || event.key === " ") && event.target === element) {
      event.preventDefault();
      select();
    }
  });
  return element;
};

const buttons = (item, mark, perItem) => {
  const made = config.actions
    .filter((action) => action.trigger === "button.click" && Boolean(action.ofItem) === perItem)
    .map((action) => {
      const button = el("button", perItem ? "" : "main", action.label);
      button.type = "button";
      button.addEventListener("click", async () => {
        button.disabled = true;
        await run(action, scopeOf(item), mark);
        button.disabled = !action.repeats && used.has(`${action.index}:${mark}`);
      });
      return button;
    });
  return made.length ? el("div", "buttons", ...made) : null;
};
