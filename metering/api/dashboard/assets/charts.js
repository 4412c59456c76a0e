// Charts by uPlot. Each has a legend, a tooltip, and its figures as a table.

import { h, table } from "./dom.js";

const HEIGHT = 240;
const COLOURS = 8;
const dark = matchMedia("(prefers-color-scheme: dark)");
const drawn = new WeakMap();

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const colour = (number) => `--c${number % COLOURS}`;

// Draws a chart in `place`, or redraws it if its data has changed.
export function draw(place, chart) {
  const before = drawn.get(place);
  const key = JSON.stringify([chart.labels, chart.series, chart.rows]);
  if (before && before.key === key) return;
  const isOpen = place.querySelector("details")?.open ?? false;
  before?.stop();
  if (!chart.labels.length) {
    place.replaceChildren(h("p", { class: "soft" }, "No usage yet."));
    drawn.set(place, { key, stop() {} });
    return;
  }
  const canvas = h("div", { class: "canvas", role: "img", "aria-label": chart.summary });
  const tip = h("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  place.replaceChildren(
    legend(chart.series),
    h("div", { class: "stage" }, canvas, tip),
    h("details", { open: isOpen }, h("summary", {}, "Show as table"),
      table(chart.caption, chart.columns, chart.rows)),
  );
  let plot = null;
  const redraw = () => {
    plot?.destroy();
    plot = new window.uPlot(options(chart, canvas, tip), data(chart), canvas);
  };
  if (chart.pick) {
    canvas.addEventListener("click", () => {
      const at = plot?.cursor.idx;
      if (at !== null && at !== undefined) chart.pick(at);
    });
  }
  const watch = new ResizeObserver(() => {
    if (plot && canvas.clientWidth) {
      plot.setSize({ width: canvas.clientWidth, height: HEIGHT });
    }
  });
  redraw();
  watch.observe(canvas);
  dark.addEventListener("change", redraw);
  drawn.set(place, {
    key,
    stop() {
      watch.disconnect();
      dark.removeEventListener("change", redraw);
      plot.destroy();
    },
  });
}

function legend(series) {
  return h("ul", { class: "legend", "aria-hidden": "true" }, series.map((one) => {
    const mark = h("span", { class: one.dash ? "swatch dashed" : "swatch" });
    mark.style.setProperty("--swatch", `var(${one.colour})`);
    return h("li", {}, mark, one.name);
  }));
}

// Stacked bars: uPlot draws the first series at the back, so sums are passed from the top.
function data(chart) {
  const places = chart.x ?? chart.labels.map((_, at) => at);
  if (!chart.stacked) return [places, ...chart.series.map((one) => one.values)];
  const sums = [];
  let below = chart.labels.map(() => 0);
  for (const one of chart.series) {
    below = below.map((sum, at) => sum + (one.values[at] ?? 0));
    sums.unshift(below);
  }
  return [places, ...sums];
}

function options(chart, canvas, tip) {
  const ink = css("--soft");
  const rule = css("--rule");
  const font = "12px system-ui, sans-serif";
  const series = chart.stacked ? [...chart.series].reverse() : chart.series;
  const last = chart.labels.length - 1;
  return {
    width: Math.max(canvas.clientWidth, 200),
    height: HEIGHT,
    padding: [12, 8, 0, 4],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: !chart.stacked } },
    scales: {
      x: chart.x ? { time: false } : { time: false, range: () => [-0.6, last + 0.6] },
      y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.08 : 1] },
    },
    axes: [
      {
        stroke: ink, font, grid: { show: false }, ticks: { show: false }, size: 28,
        ...(chart.x
          ? { values: (_, splits) => splits.map(chart.tick), space: 70 }
          : {
            splits: () => chart.labels.map((_, at) => at),
            filter: (_, splits) => splits.map((at) => (shown(at, last, canvas) ? at : null)),
            values: (_, splits) => splits.map((at) => (at === null ? "" : chart.labels[at])),
          }),
      },
      {
        stroke: ink, font, size: 64, gap: 6, ticks: { show: false },
        grid: { stroke: rule, width: 1 },
        values: (_, splits) => splits.map(chart.scale),
      },
    ],
    series: [{}, ...series.map((one) => ({
      label: one.name,
      stroke: css(one.colour),
      width: chart.stacked ? 0 : one.thin ? 1.5 : 2.5,
      dash: one.dash,
      fill: chart.stacked ? css(one.colour) : one.fill ? `${css(one.colour)}22` : undefined,
      points: { show: false },
      spanGaps: true,
      paths: chart.stacked ? window.uPlot.paths.bars({ size: [0.62, 42], radius: 0.12 }) : undefined,
    }))],
    hooks: { setCursor: [(plot) => point(plot, chart, tip)] },
  };
}

function shown(at, last, canvas) {
  const every = Math.ceil((last + 1) / Math.max(1, Math.floor(canvas.clientWidth / 80)));
  return at % every === 0;
}

function point(plot, chart, tip) {
  const { idx, left } = plot.cursor;
  tip.hidden = idx === null || idx === undefined || left < 0;
  if (tip.hidden) return;
  const lines = chart.series
    .filter((one) => one.values[idx] !== null && one.values[idx] !== undefined)
    .filter((one) => !chart.stacked || one.values[idx] > 0)
    .map((one) => h("li", {}, h("span", {}, one.name), h("b", {}, one.texts[idx])));
  tip.replaceChildren(h("strong", {}, chart.labels[idx]), h("ul", {}, lines));
  const room = plot.root.clientWidth - tip.offsetWidth - 8;
  tip.style.left = `${Math.max(0, Math.min(room, left + plot.bbox.left / devicePixelRatio + 14))}px`;
}
