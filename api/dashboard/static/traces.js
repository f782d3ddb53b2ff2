// What Plotly draws: lines with bands over seeds for the finals, one thin line a tuning trial.

import { counted, loss, percent, settings, span } from "./format.js";
import { measureOf } from "./metrics.js";
import { overSeeds } from "./statistics.js";

const AXIS = { epoch: "epoch", seconds: "training_seconds" };

/**
 * @param {object[]} series those of one problem and one kind
 * @param {{name: string, colour: string}[]} contenders the visible ones
 * @param {{x: string, metric: string, deciding: string, runs: string}} choices
 * @param {Map<string, object>} points searched settings by trial id, for the words at the pointer
 * @returns {{traces: object[], drawn: object[][]}} traces for Plotly, and the same as rows for a file
 */
export function traces(series, contenders, choices, points) {
  const axes = { x: AXIS[choices.x], metric: choices.metric, deciding: choices.deciding };
  const made = contenders.map((contender) => {
    const runs = series.filter((one) => one.contender === contender.name);
    return choices.runs === "finals"
      ? finals(contender, runs, axes)
      : tuning(contender, runs, axes, points);
  });
  const header = choices.runs === "finals"
    ? ["contender", "epoch", axes.x, `median_${axes.metric}`, "lowest", "highest", "runs"]
    : ["contender", "trial_id", "epoch", axes.x, axes.metric];
  return {
    traces: [...made.flatMap((one) => one.under), ...made.flatMap((one) => one.over)],
    drawn: [header, ...made.flatMap((one) => one.rows)],
  };
}

function finals(contender, runs, axes) {
  const curve = overSeeds(runs, axes).filter((at) => at.x !== null);
  const banded = curve.filter((at) => at.low !== null);
  const back = [...banded].reverse();
  const band = {
    type: "scatter",
    mode: "lines",
    x: [...banded, ...back].map((at) => at.x),
    y: [...banded.map((at) => at.high), ...back.map((at) => at.low)],
    fill: "toself",
    fillcolor: translucent(contender.colour, 0.18),
    line: { width: 0 },
    hoverinfo: "skip",
  };
  const line = {
    type: "scatter",
    mode: "lines+markers",
    name: contender.name,
    x: curve.map((at) => at.x),
    y: curve.map((at) => at.middle),
    text: curve.map((at) => hoverFinals(contender.name, at, axes.metric)),
    hovertemplate: "%{text}<extra></extra>",
    line: { color: contender.colour, width: 2.25 },
    marker: { color: contender.colour, size: 5 },
  };
  const rows = curve.map((at) => [contender.name, at.epoch, at.x, at.middle, at.low, at.high, at.runs]);
  return { under: banded.length > 1 ? [band] : [], over: [line], rows };
}

function tuning(contender, runs, axes, points) {
  const best = bestOf(runs, axes.deciding);
  const over = runs.map((run) => ({
    type: "scatter",
    mode: "lines",
    name: contender.name,
    x: run[axes.x],
    y: run[axes.metric],
    text: run.epoch.map((epoch, index) => hoverTuning(run, index, axes, points)),
    hovertemplate: "%{text}<extra></extra>",
    opacity: run === best ? 1 : 0.4,
    line: { color: contender.colour, width: run === best ? 2.75 : 1.1 },
  }));
  const rows = runs.flatMap((run) => run.epoch.map(
    (epoch, index) => [contender.name, run.trial_id, epoch, run[axes.x][index], run[axes.metric][index]],
  ));
  return { under: [], over, rows };
}

/** The trial whose point is chosen: the lowest deciding loss at its end, finished or stopped early. */
function bestOf(runs, deciding) {
  const ended = runs.filter((run) => ["finished", "stopped"].includes(run.state) && Number.isFinite(run[deciding].at(-1)));
  return ended.reduce((best, run) => (!best || run[deciding].at(-1) < best[deciding].at(-1) ? run : best), null);
}

function writeOf(metric) {
  return measureOf(metric) === "accuracy" ? (value) => `${percent(value)} %` : loss;
}

// Only <br>: for every other tag plotly writes a style attribute, which the policy forbids.
function hoverFinals(name, at, metric) {
  const write = writeOf(metric);
  return `${name}, epoch ${at.epoch}<br>median ${measureOf(metric)} ${write(at.middle)}`
    + `<br>${span(at.low, at.high, write)} over ${counted(at.runs, "seed")}`;
}

function hoverTuning(run, index, axes, points) {
  const point = points.get(run.trial_id);
  const value = writeOf(axes.metric)(run[axes.metric][index]);
  return `${run.contender}, epoch ${run.epoch[index]}<br>${measureOf(axes.metric)} ${value}`
    + `${point ? `<br>${settings(point)}` : ""}${run.state === "diverged" ? "<br>diverged" : ""}`;
}

function translucent(colour, alpha) {
  const [red, green, blue] = [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}
