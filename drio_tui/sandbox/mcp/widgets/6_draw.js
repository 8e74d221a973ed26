// --- drawing ----------------------------------------------------------------------------------

const render = () => {
  if (state.error) root.replaceChildren(el("p", "panel prose", state.error));
  else if (state.result === null && config.primitive !== "form") root.replaceChildren(el("p", "empty", "Waiting for data…"));
  else {
    const draw = has(primitives, config.primitive) ? primitives[config.primitive] : primitives.detail;
    root.replaceChildren(...draw().filter(Boolean), ...[buttons(base(), "widget", false)].filter(Boolean), followUps);
  }
  root.dataset.ready = "yes";
  tellSize();
};

const data = read("data");
window.addEventListener("message", receive);
window.addEventListener("openai:set_globals", fromOpenai);
if (data) {
  state.input = data.input ?? {};
  take(data);
} else render();
fromOpenai();
if (hosted && !openai()) begin().catch(() => note("The host does not answer."));
if (typeof ResizeObserver === "function") new ResizeObserver(tellSize).observe(document.documentElement);
