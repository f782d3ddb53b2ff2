// How the plot looks: axes, target line and the page's own colours.

import { loss } from "./format.js";
import { measureOf, words } from "./metrics.js";

const X_TITLES = { epoch: "epoch", seconds: "training seconds" };

/**
 * What every plot of the page has: its colours, its type, its axes.
 *
 * @param {HTMLElement} element the plot, whose colours are the page's
 */
export function frame(element) {
  const look = getComputedStyle(element);
  const font = { family: look.fontFamily, size: 13, color: look.color };
  return {
    axis: {
      gridcolor: look.borderTopColor,
      linecolor: look.borderTopColor,
      zeroline: false,
      automargin: true,
      fixedrange: false,
    },
    autosize: true,
    margin: { l: 56, r: 12, t: 12, b: 48 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font,
    hoverlabel: {
      bgcolor: look.backgroundColor,
      bordercolor: look.borderTopColor,
      font,
      align: "left",
    },
    hovermode: "closest",
    dragmode: "zoom",
    showlegend: false,
  };
}

/**
 * @param {HTMLElement} element the plot, whose colours are the page's
 * @param {object} choices with the metric that is drawn and the one that decides
 * @param {number | null} target the loss that counts as reached
 * @param {number} epochs the budget of a trial
 */
export function layout(element, choices, target, epochs) {
  const { axis, ...base } = frame(element);
  const shares = measureOf(choices.metric) === "accuracy";
  const log = choices.ylog === "1" && !shares;
  const epochTicks = choices.x === "epoch" && choices.xlog === "0" && epochs <= 20;
  return {
    ...base,
    uirevision: [choices.x, choices.xlog, choices.ylog, choices.runs, choices.metric, choices.problem].join(),
    xaxis: {
      ...axis,
      title: { text: X_TITLES[choices.x], standoff: 8, font: { size: 13 } },
      type: choices.xlog === "1" ? "log" : "linear",
      rangemode: "tozero",
      tickformat: choices.x === "epoch" ? "d" : "~g",
      ...(epochTicks ? { dtick: 1, range: [-0.1, epochs + 0.1] } : {}),
    },
    yaxis: {
      ...axis,
      title: { text: words(choices.metric), standoff: 8, font: { size: 13 } },
      type: log ? "log" : "linear",
      tickformat: shares ? ".3~%" : "~g",
      nticks: element.clientHeight < 400 ? 3 : 8,
    },
    ...targetLine(choices, target, base.font.color),
  };
}

/** A target is one of the loss that decides: on another metric a line would say something false. */
function targetLine(choices, target, colour) {
  if (target === null || choices.metric !== choices.deciding) return { shapes: [], annotations: [] };
  const level = choices.ylog === "1" ? Math.log10(target) : target;
  return {
    shapes: [{
      type: "line", xref: "paper", x0: 0, x1: 1, y0: target, y1: target,
      line: { color: colour, width: 1, dash: "dot" },
    }],
    annotations: [{
      xref: "paper", x: 1, xanchor: "right", y: level, yanchor: "bottom", showarrow: false,
      text: `target ${loss(target)}`, font: { size: 12, color: colour },
    }],
  };
}
