// The curves: uPlot with a tip, zoom and a legend.

const CHART = { plot: null, home: null };

/** The curves that have the metric, and those of them that are shown. */
const withMetric = () => CURVES.filter((c) => c.points.some((p) => STATE.metric.of(p) !== null));

const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Aligned data: uPlot has one x for all series; the gaps between a curve's own points are spanned. */
function aligned(curves) {
  const of = STATE.metric.of;
  return uPlot.join(
    curves.map((curve) => {
      const points = curve.points.filter((p) => of(p) !== null);
      return [points.map((p) => p.bpp), points.map((p) => of(p))];
    }),
  );
}

/** The part of the plane where our own curve is, or the first that is shown: others may go far beyond. */
function homeRange() {
  const of = STATE.metric.of;
  const known = (curve) => curve.points.filter((p) => of(p) !== null);
  const first = withMetric().find((c) => c.shown) ?? withMetric()[0];
  if (first === undefined) return { x: [0.01, 1], y: [0, 1] };
  const span = (values) => [Math.min(...values), Math.max(...values)];
  const rates = span(known(first).map((p) => p.bpp));
  const within = CURVES.filter((c) => c.shown || c === first).flatMap(known).filter((p) => p.bpp <= rates[1]);
  const y = span(within.map(of));
  const pad = 0.04 * (y[1] - y[0] || 1);
  const left = byId("logarithmic").checked ? rates[0] / 1.5 : 0;
  return { x: [left, rates[1] * 1.03], y: [y[0] - pad, y[1] + pad] };
}

/** The range asked for, or the one there is: uPlot asks for none at first and when a curve is hidden. */
const kept = (scale) => (plot, min, max) => {
  const now = plot.scales[scale];
  if (Number.isFinite(min) && Number.isFinite(max)) return [min, max];
  return Number.isFinite(now.min) ? [now.min, now.max] : homeRange()[scale];
};

/** Labels of a logarithmic axis: uPlot's own are for ranges of whole powers. */
function oneTwoFive(min, max) {
  const found = [];
  for (let exponent = Math.floor(Math.log10(min)); 10 ** exponent <= max; exponent++) {
    for (const digit of [1, 2, 5]) {
      const value = digit * 10 ** exponent;
      if (value >= min && value <= max) found.push(value);
    }
  }
  return found;
}

function options(curves) {
  const width = byId("chart").clientWidth;
  const axis = {
    stroke: () => colourOf("--soft"),
    grid: { stroke: () => colourOf("--line"), width: 1 },
    ticks: { stroke: () => colourOf("--line"), width: 1 },
  };
  const logarithmic = byId("logarithmic").checked;
  return {
    width,
    height: Math.max(300, Math.min(560, Math.round(width * 0.62))),
    legend: { show: false },
    cursor: { drag: { x: true, y: true, uni: 20 }, points: { show: false } },
    scales: {
      x: { auto: false, time: false, distr: logarithmic ? 3 : 1, range: kept("x") },
      y: { auto: false, range: kept("y") },
    },
    axes: [
      {
        ...axis,
        label: "bits a pixel",
        ...(logarithmic ? { splits: (u, i, min, max) => oneTwoFive(min, max), filter: (u, splits) => splits } : {}),
        values: (u, splits) => splits.map((v) => String(Number(v.toPrecision(6)))),
      },
      { ...axis, label: STATE.metric.axis, size: 56 },
    ],
    series: [
      {},
      ...curves.map((curve, i) => ({
        label: curve.name,
        show: curve.shown,
        stroke: curve.colour,
        width: curve.published ? 1.5 : i === 0 ? 3 : 2,
        dash: curve.published ? [6, 4] : undefined,
        spanGaps: true,
        points: { show: !curve.published, size: i === 0 ? 8 : 6, fill: curve.colour },
      })),
    ],
    hooks: {
      setCursor: [showTip],
      setScale: [() => byId("tip").setAttribute("hidden", "")],
    },
  };
}

function draw() {
  const curves = withMetric();
  CHART.plot?.destroy();
  CHART.curves = curves;
  CHART.plot = new uPlot(options(curves), aligned(curves), byId("chart"));
  CHART.plot.over.addEventListener("wheel", wheel, { passive: false });
  CHART.plot.over.addEventListener("dblclick", reset);
  CHART.plot.over.addEventListener("touchstart", pinch, { passive: false });
  CHART.plot.over.addEventListener("touchmove", pinch, { passive: false });
  reset();
}

function setRange({ x, y }) {
  CHART.plot.batch(() => {
    CHART.plot.setScale("x", { min: x[0], max: x[1] });
    CHART.plot.setScale("y", { min: y[0], max: y[1] });
  });
}

const reset = () => setRange(homeRange());

/** Makes the range `factor` times as large; what is at `from`, 0 to 1 of both axes, comes to `to`. */
function zoom(factor, from = [0.5, 0.5], to = from) {
  const { x, y } = CHART.plot.scales;
  const logarithmic = byId("logarithmic").checked;
  const [forth, back] = logarithmic ? [Math.log, Math.exp] : [(v) => v, (v) => v];
  const part = (min, max, i) => {
    const fixed = min + (max - min) * from[i];
    const size = (max - min) * factor;
    return [fixed - size * to[i], fixed + size * (1 - to[i])];
  };
  setRange({
    x: part(forth(x.min), forth(x.max), 0).map(back),
    y: part(y.min, y.max, 1),
  });
}

function wheel(event) {
  event.preventDefault();
  const box = CHART.plot.over.getBoundingClientRect();
  const at = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
  zoom(event.deltaY < 0 ? 0.8 : 1.25, at);
}

/** Two fingers: what was between them when they came down stays between them. */
function pinch(event) {
  if (event.touches.length !== 2) return;
  event.preventDefault();
  const box = CHART.plot.over.getBoundingClientRect();
  const [a, b] = event.touches;
  const at = [
    ((a.clientX + b.clientX) / 2 - box.left) / box.width,
    1 - ((a.clientY + b.clientY) / 2 - box.top) / box.height,
  ];
  const apart = Math.max(10, Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY));
  if (event.type === "touchmove" && CHART.pinch) zoom(CHART.pinch.apart / apart, CHART.pinch.at, at);
  CHART.pinch = { at, apart };
}

/** The point nearest to the cursor, within a finger's width. */
function nearestPoint(plot, left, top) {
  let best = null;
  for (const curve of CHART.curves) {
    if (!curve.shown) continue;
    for (const point of curve.points) {
      const quality = STATE.metric.of(point);
      if (quality === null) continue;
      const [x, y] = [plot.valToPos(point.bpp, "x"), plot.valToPos(quality, "y")];
      const distance = Math.hypot(x - left, y - top);
      if (distance < 30 && (best === null || distance < best.distance)) {
        best = { curve, point, quality, x, y, distance };
      }
    }
  }
  return best;
}

function showTip(plot) {
  const tip = byId("tip");
  const { left, top } = plot.cursor;
  const best = left < 0 ? null : nearestPoint(plot, left, top);
  if (best === null) {
    tip.setAttribute("hidden", "");
    return;
  }
  const { curve, point } = best;
  const lines = [curve.name + (curve.published ? " (published)" : "")];
  if (curve.setting) lines.push(`${curve.setting} ${point.setting}`);
  lines.push(`${point.bpp.toFixed(4)} bpp`);
  lines.push(`${STATE.metric.name} ${number(best.quality, STATE.metric.digits + 1)}`);
  tip.textContent = lines.join("\n");
  tip.removeAttribute("hidden");
  const over = plot.over;
  const x = over.offsetLeft + best.x;
  const flip = x > byId("chart").clientWidth / 2;
  tip.style.left = `${flip ? x - tip.offsetWidth - 12 : x + 12}px`;
  tip.style.top = `${over.offsetTop + Math.max(0, best.y - 20)}px`;
}

function legend() {
  const entries = withMetric().map((curve) => {
    const box = element("input", { type: "checkbox", "data-curve": curve.key });
    box.checked = curve.shown;
    box.addEventListener("change", () => {
      curve.shown = box.checked;
      CHART.plot.setSeries(CHART.curves.indexOf(curve) + 1, { show: curve.shown });
    });
    const label = element("label", curve.published ? { class: "published" } : {}, box);
    const dash = curve.published ? 'stroke-dasharray="5 3"' : "";
    label.insertAdjacentHTML(
      "beforeend",
      `<svg width="26" height="8" aria-hidden="true"><line x1="0" y1="4" x2="26" y2="4" stroke="${curve.colour}" stroke-width="3" ${dash}/></svg>`,
    );
    label.append(curve.name);
    return label;
  });
  byId("legend").replaceChildren(...entries);
}

ON_METRIC.push(draw, legend);
byId("zoom-in").addEventListener("click", () => zoom(0.7));
byId("zoom-out").addEventListener("click", () => zoom(1 / 0.7));
byId("zoom-reset").addEventListener("click", reset);
byId("logarithmic").addEventListener("change", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
new ResizeObserver(() => {
  // Only the width: the height follows it, and would call this again.
  if (CHART.plot && CHART.plot.width !== byId("chart").clientWidth) draw();
}).observe(byId("chart"));
