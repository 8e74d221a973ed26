// --- charts -----------------------------------------------------------------------------------

const WIDTH = 640;
const HEIGHT = 260;
const short = (name) => (name.length > 14 ? `${name.slice(0, 13)}…` : name);
const scale = (series) => {
  const all = series.flatMap(([, values]) => values);
  const top = Math.max(0, ...all);
  const bottom = Math.min(0, ...all);
  return { top: top === bottom ? bottom + 1 : top, bottom };
};

const frame = (names, series) => {
  const { top, bottom } = scale(series);
  const place = (value) => 12 + ((top - value) / (top - bottom)) * (HEIGHT - 46);
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}` });
  for (const value of [top, (top + bottom) / 2, bottom]) {
    drawing.append(svg("path", { class: "axis", d: `M56 ${place(value)}H${WIDTH - 8}` }),
      svg("text", { x: 50, y: place(value) + 4, "text-anchor": "end" }, formatNumber(value)));
  }
  const step = (WIDTH - 70) / Math.max(1, names.length);
  const every = Math.ceil(names.length / 8);
  names.forEach((name, index) => {
    if (index % every === 0)
      drawing.append(svg("text", { x: 60 + step * (index + 0.5), y: HEIGHT - 10, "text-anchor": "middle" }, short(name)));
  });
  return { drawing, place, step };
};

const charts = {
  bar(names, series) {
    const { drawing, place, step } = frame(names, series);
    const width = (step * 0.7) / series.length;
    series.forEach(([, values], which) => values.slice(0, names.length || values.length).forEach((value, index) => {
      const from = Math.min(place(value), place(0));
      drawing.append(svg("rect", { class: `c${which % 4}`, x: 60 + step * (index + 0.15) + width * which, y: from,
        width: Math.max(1, width - 1), height: Math.max(1, Math.abs(place(value) - place(0))), rx: 2 },
      svg("title", {}, `${names[index] ?? ""} ${show(value)}`)));
    }));
    return drawing;
  },
  line(names, series) {
    const { drawing, place, step } = frame(names, series);
    series.forEach(([, values], which) => {
      const points = values.map((value, index) => `${60 + step * (index + 0.5)} ${place(value)}`);
      if (style.area === "true" && points.length > 1)
        drawing.append(svg("path", { class: `c${which % 4} area`,
          d: `M${60 + step / 2} ${place(0)}L${points.join("L")}L${60 + step * (values.length - 0.5)} ${place(0)}Z` }));
      drawing.append(svg("path", { class: `c${which % 4} stroke`, d: `M${points.join("L")}` }));
      values.forEach((value, index) => drawing.append(svg("circle", { class: `c${which % 4}`,
        cx: 60 + step * (index + 0.5), cy: place(value), r: 3 }, svg("title", {}, `${names[index] ?? ""} ${show(value)}`))));
    });
    return drawing;
  },
  funnel(names, series) {
    const [, values] = series[0];
    const most = Math.max(1, ...values);
    const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${values.length * 40 + 8}` });
    values.forEach((value, index) => {
      const width = Math.max(2, (Math.max(0, value) / most) * (WIDTH - 260));
      drawing.append(
        svg("text", { x: 0, y: index * 40 + 26 }, short(names[index] ?? "")),
        svg("rect", { class: "c0", x: 120 + (WIDTH - 260 - width) / 2, y: index * 40 + 6, width, height: 30, rx: 3 }),
        svg("text", { x: WIDTH, y: index * 40 + 26, "text-anchor": "end" }, show(value)));
    });
    return drawing;
  },
  radar(names, series) {
    const most = Math.max(1e-9, ...series.flatMap(([, values]) => values));
    const count = Math.max(3, names.length);
    const at = (index, share) => {
      const angle = (2 * Math.PI * index) / count - Math.PI / 2;
      return [WIDTH / 2 + Math.cos(angle) * 105 * share, 140 + Math.sin(angle) * 105 * share];
    };
    const ring = (share) => `M${Array.from({ length: count }, (_, index) => at(index, share).join(" ")).join("L")}Z`;
    const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} 280` });
    for (const share of [0.33, 0.66, 1]) drawing.append(svg("path", { class: "axis", d: ring(share) }));
    names.forEach((name, index) => {
      const [x, y] = at(index, 1.18);
      drawing.append(svg("text", { x, y: y + 4, "text-anchor": "middle" }, short(name)));
    });
    series.forEach(([, values], which) => {
      const path = `M${values.map((value, index) => at(index, Math.max(0, value) / most).join(" ")).join("L")}Z`;
      drawing.append(svg("path", { class: `c${which % 4} area`, d: path }), svg("path", { class: `c${which % 4} stroke`, d: path }));
    });
    return drawing;
  },
};
