// The points of a search, each with what its runs came to: the rules of service/domain/selection.py.

import { median } from "./statistics.js";

const OWN_FAILURES = ["out_of_memory", "bad_setting"];

/**
 * The points of one search of which something is known, in the order of the trials.
 *
 * @param {object[]} trials those of one search
 * @returns {{point: object, loss: number, stopped: boolean, runs: number}[]} the loss is the median
 *   over a point's runs, infinite where half or more of them diverged or failed by its settings
 */
export function triedPoints(trials) {
  const points = new Map();
  for (const trial of trials.filter(counts)) {
    const key = JSON.stringify(Object.entries(trial.point).sort());
    if (!points.has(key)) points.set(key, []);
    points.get(key).push(trial);
  }
  return [...points.values()].map((runs) => ({
    point: runs[0].point,
    loss: median(runs.map(rank)),
    stopped: runs.some((run) => run.state === "stopped"),
    runs: runs.length,
  }));
}

function counts(trial) {
  if (trial.state === "stopped") return Number.isFinite(trial.final_loss);
  if (trial.state === "failed") return OWN_FAILURES.includes(trial.failure);
  return ["finished", "diverged"].includes(trial.state);
}

function rank(trial) {
  const measured = ["finished", "stopped"].includes(trial.state) && Number.isFinite(trial.final_loss);
  return measured ? trial.final_loss : Infinity;
}
