// --- drawing ----------------------------------------------------------------------------------

const render = () => {
  if (state.error) root.replaceChildren(el("p", "panel prose", state.error));
  else if (state.result === null && config.primitive !== "form") root.replaceChildren(el("p", "empty", "Waiting for data…"));
  else {
    const draw = has(primitives, config.primitive) ? primitives[config.primitive] : primitives.detail;
    root.replaceChildren(...draw().filter(Boolean), ...[buttons(base(), "widget", false)].filter(Boolean), followUps);
  }
  root.dataset.ready = "yes";
  notifySize();
};

const data = read("data");
window.addEventListener("message", receive);
window.addEventListener("openai:set_globals", readOpenai);
if (data) {
  state.input = data.input ?? {};
  setResult(data);
} else render();
readOpenai();
if (hosted && !openai()) initialize().catch(() => note("The host does not answer."));
if (typeof ResizeObserver === "function") new ResizeObserver(notifySize).observe(document.documentElement);
