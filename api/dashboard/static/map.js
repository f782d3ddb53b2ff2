// What Plotly draws of a search: a mark for each point, its colour the final loss.

import { loss, settings } from "./format.js";
import { Heat } from "./heat.js";
import { frame } from "./layout.js";

/** The axis that is no setting. */
export const LOSS = "*loss";

/** An axis as it is called. */
export function title(axis) {
  return axis === LOSS ? "final loss" : axis;
}

/** Whether a point has a place: it may lack a setting that is searched under a condition. */
export function placed({ point }, { x, y }) {
  return x in point && (y === LOSS || y in point);
}

/**
 * @param {{points: object[], chosen: object | null, axes: {x: string, y: string}}} shown
 * @param {HTMLElement} plot whose colours are the page's
 */
export function traces({ points, chosen, axes }, plot) {
  const drawable = points.filter((one) => placed(one, axes));
  const measured = drawable.filter(came);
  const lost = drawable.filter((one) => !came(one));
  const heat = new Heat(points.filter(came).map((one) => one.loss));
  const { color: ink, borderTopColor: line } = getComputedStyle(plot);
  const ring = { symbol: "circle-open", size: 20, color: ink, line: { width: 2 } };
  const filled = {
    size: 12,
    symbol: measured.map((one) => (one.stopped ? "triangle-down" : "circle")),
    color: measured.map((one) => heat.colour(one.loss)),
    line: { width: 1, color: line },
  };
  const cross = { symbol: "x-thin", size: 9, color: ink, line: { width: 1.75, color: ink } };
  return [
    { ...marks(measured.filter((one) => same(one.point, chosen)), axes), marker: ring },
    { ...marks(measured, axes), marker: filled },
    { ...marks(lost, axes), ...(axes.y === LOSS ? alongTop(lost) : {}), marker: cross },
  ];
}

/** Whether a point came to a loss. */
export function came(one) {
  return Number.isFinite(one.loss);
}

function marks(points, axes) {
  return {
    type: "scatter",
    mode: "markers",
    x: points.map((one) => one.point[axes.x]),
    y: points.map((one) => (axes.y === LOSS ? one.loss : one.point[axes.y])),
    text: points.map((one) => words(one)),
    hovertemplate: "%{text}<extra></extra>",
  };
}

/** Where points without a loss stand, when the loss is drawn upwards. */
function alongTop(points) {
  return { yaxis: "y2", y: points.map(() => 0.97) };
}

/** A point in words: its settings, what it came to. */
export function words(one, between = "<br>") {
  const what = came(one) ? `loss ${loss(one.loss)}` : "diverged or failed";
  const median = one.runs > 1 ? `, the median of ${one.runs} runs` : "";
  return [settings(one.point), what + median, ...(one.stopped ? ["stopped early"] : [])].join(between);
}

/** Whether a point is the chosen one. */
export function same(point, chosen) {
  const names = Object.keys(point);
  return chosen !== null && names.length === Object.keys(chosen).length
    && names.every((name) => JSON.stringify(point[name]) === JSON.stringify(chosen[name]));
}

/** The points as rows for a file, the settings by name. */
export function rows({ points }) {
  const names = [...new Set(points.flatMap((one) => Object.keys(one.point)))].sort();
  const header = [...names, "final_loss", "runs", "stopped_early"];
  return [header, ...points.map((one) => [
    ...names.map((name) => one.point[name]), came(one) ? one.loss : null, one.runs, one.stopped,
  ])];
}

/**
 * Axes and frame; a setting's axis has the scale that it is searched on.
 *
 * @param {{points: object[], axes: {x: string, y: string} | null, space: object}} shown
 * @param {HTMLElement} plot whose colours are the page's
 */
export function look({ points, axes, space }, plot) {
  const { axis, ...base } = frame(plot);
  if (!axes) return { ...base, xaxis: { visible: false }, yaxis: { visible: false } };
  const losses = points.filter(came).map((one) => one.loss);
  const heat = new Heat(losses);
  const of = (name) => (name === LOSS ? lossAxis(losses, heat) : settingAxis(space[name]));
  const titled = (name) => ({ ...axis, tickformat: "~g", title: { text: title(name), standoff: 8, font: { size: 13 } } });
  return {
    ...base,
    ...heat.key(base.font.color),
    margin: { ...base.margin, r: 76 },
    uirevision: `${axes.x} ${axes.y}`,
    xaxis: { ...titled(axes.x), ...of(axes.x) },
    yaxis: { ...titled(axes.y), ...of(axes.y) },
    yaxis2: { overlaying: "y", range: [0, 1], fixedrange: true, visible: false },
  };
}

/** The whole of what is searched, and a little beside it. */
function settingAxis({ scale, bounds }) {
  const [low, high] = scale === "log" ? bounds.map(Math.log10) : bounds;
  const room = 0.04 * (high - low || 1);
  return { type: scale, range: [low - room, high + room], ...(scale === "log" ? { dtick: spacing(...bounds) } : {}) };
}

function lossAxis(losses, { positive }) {
  if (!losses.length) return { showticklabels: false };
  const spread = { dtick: spacing(Math.min(...losses), Math.max(...losses)) };
  return positive ? { type: "log", ...spread } : { type: "linear" };
}

/** Ticks of a log axis that do not run into each other: at powers of ten, at 1, 2 and 5, or as plotly likes. */
function spacing(low, high) {
  const magnitudes = Math.log10(high / low);
  if (magnitudes > 3) return 1;
  return magnitudes > 0.7 ? "D2" : undefined;
}
