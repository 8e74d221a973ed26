// --- the host: MCP Apps over postMessage, or ChatGPT's window.openai --------------------------

const openai = () => window.openai;
const hosted = window.parent !== window;
const pending = new Map();
let lastId = 0;
const post = (message) => window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
const request = (method, params) =>
  new Promise((resolve, reject) => {
    const id = ++lastId;
    pending.set(id, { resolve, reject });
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
    return note(`Here this message would be sent: ${message}`);
  },
  async openUrl(url) {
    const address = webAddress(url);
    if (!address) return note("That is not a web address.");
    if (openai()?.openExternal) return openai().openExternal({ href: address });
    if (hosted) return request("ui/open-link", { url: address });
    return note(`Here this would be opened: ${address}`);
  },
};

const setResult = (result) => {
  if (!result || typeof result !== "object") return;
  const message = (result.content || []).filter((block) => block.type === "text").map((block) => block.text).join("\n");
  state.error = result.isError ? message || "The call failed." : "";
  state.result = result.structuredContent ?? null;
  state.view = (result._meta || {})[config.viewMeta] ?? null;
  render();
};

const receive = (event) => {
  if (event.source !== window.parent) return;
  const message = event.data;
  if (!message || message.jsonrpc !== "2.0") return;
  if (message.id !== undefined && !message.method) {
    const call = pending.get(message.id);
    pending.delete(message.id);
    if (call && message.error) call.reject(new Error(asText(message.error.message)));
    else if (call) call.resolve(message.result);
  } else if (message.method === "ui/notifications/tool-input") state.input = message.params?.arguments ?? {};
  else if (message.method === "ui/notifications/tool-result") setResult(message.params);
  else if (message.method === "ui/notifications/tool-cancelled") {
    state.error = "The call was cancelled.";
    render();
  } else if (message.id !== undefined) post({ id: message.id, result: {} });
};

const readOpenai = () => {
  const api = openai();
  if (!api || api.toolOutput === undefined || api.toolOutput === null) return;
  state.input = api.toolInput ?? {};
  setResult({ structuredContent: api.toolOutput, _meta: api.toolResponseMetadata ?? {} });
};

const initialize = async () => {
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

const notifySize = () => {
  const height = Math.ceil(document.documentElement.getBoundingClientRect().height);
  if (openai()?.notifyIntrinsicHeight) openai().notifyIntrinsicHeight(height);
  else if (hosted) post({ method: "ui/notifications/size-changed", params: { width: innerWidth, height } });
};

// --- actions ----------------------------------------------------------------------------------

const note = (message) => {
  followUps.replaceChildren(el("p", "note small muted", message));
};

const pick = (names, ...sources) => {
  const picked = {};
  for (const name of names)
    for (const source of sources)
      if (has(source, name) && source[name] !== null && !has(picked, name)) picked[name] = source[name];
  return picked;
};

const argumentsOf = (action, scope) => {
  const names = action.properties || [];
  if (!action.template) return pick(names, scope.form, scope.item, scope.result);
  if (has(action.template, "object")) return fillObject(action.template.object, scope);
  const value = fillParts(action.template.parts, scope);
  const rest = scope.form ? pick(names, scope.form) : {};
  return action.argument && value !== undefined && value !== "" ? { ...rest, [action.argument]: value } : rest;
};

const run = async (action, scope, itemKey) => {
  const key = `${action.index}:${itemKey}`;
  if (used.has(key)) return;
  used.add(key);
  try {
    if (action.type === "callTool" && action.tool) {
      const result = await host.callTool(action.tool, argumentsOf(action, scope));
      if (result) showResult(action, result);
    } else if (action.type === "sendMessage")
      await host.sendMessage(asText(action.template ? fillParts(action.template.parts, scope) : action.label));
    else if (action.type === "openUrl")
      await host.openUrl(asText(action.template ? fillParts(action.template.parts, scope) : ""));
    if (action.repeats || action.type === "openUrl") used.delete(key);
  } catch (error) {
    used.delete(key);
    note(`${action.label}: ${asText(error.message) || "it failed"}`);
  }
  notifySize();
};

const showResult = (action, result) => {
  const texts = (result.content || []).filter((block) => block.type === "text").map((block) => block.text);
  const body = !result.isError && result.structuredContent ? tree(result.structuredContent, 0)
    : el("p", "prose", texts[0] || (result.isError ? "It failed." : "Done."));
  followUps.replaceChildren(el("section", "panel note", el("h2", "", action.label), body));
};

const scopeOf = (item) => ({
  item, result: base(), input: state.input, form: config.primitive === "form" ? state.form : undefined,
  view: state.view ? state.view.slots : {},
});

const fire = (trigger, item, itemKey) => {
  for (const action of config.actions.filter((action) => action.trigger === trigger))
    run(action, scopeOf(item), itemKey);
};

const selectable = (element, triggers, item, itemKey) => {
  const usedTriggers = triggers.filter((trigger) => config.actions.some((action) => action.trigger === trigger));
  if (!usedTriggers.length) return element;
  element.classList.add("pick");
  element.tabIndex = 0;
  const select = () => usedTriggers.forEach((trigger) => fire(trigger, item, itemKey));
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

const buttons = (item, itemKey, perItem) => {
  const elements = config.actions
    .filter((action) => action.trigger === "button.click" && Boolean(action.ofItem) === perItem)
    .map((action) => {
      const button = el("button", perItem ? "" : "main", action.label);
      button.type = "button";
      button.addEventListener("click", async () => {
        button.disabled = true;
        await run(action, scopeOf(item), itemKey);
        button.disabled = !action.repeats && used.has(`${action.index}:${itemKey}`);
      });
      return button;
    });
  return elements.length ? el("div", "buttons", ...elements) : null;
};
