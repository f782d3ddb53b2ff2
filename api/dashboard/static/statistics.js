// Runs of one contender over seeds, epoch by epoch: median, lowest, highest, how many.

import { measureOf } from "./metrics.js";

/** Median of numbers; a run that diverged counts as infinite: the highest loss, the lowest accuracy. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2) return sorted[middle];
  return (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * The curve of one contender.
 *
 * @param {object[]} runs series of its runs, one a seed
 * @param {{x: "epoch" | "training_seconds", metric: string}} axes
 * @returns {{epoch: number, x: number, middle: number, low: number, high: number, runs: number}[]}
 *   one entry an epoch that a run has reached; x is the median over those runs
 */
export function overSeeds(runs, axes) {
  const byEpoch = new Map();
  const worst = measureOf(axes.metric) === "accuracy" ? -Infinity : Infinity;
  const last = Math.max(0, ...runs.map((run) => run.epoch.at(-1) ?? 0));
  for (const run of runs) {
    run.epoch.forEach((epoch, index) => {
      const value = run[axes.metric][index] ?? null;
      const trained = Number.isFinite(run.train_loss[index]);
      if (value === null && axes.metric !== "train_loss" && trained) return; // not measured
      const at = entry(byEpoch, epoch);
      at.x.push(run[axes.x][index]);
      at.values.push(value ?? worst);
    });
    if (run.state !== "diverged") continue;
    for (let epoch = (run.epoch.at(-1) ?? -1) + 1; epoch <= last; epoch += 1) {
      entry(byEpoch, epoch).values.push(worst);
    }
  }
  return [...byEpoch.keys()].sort((a, b) => a - b).map((epoch) => summary(epoch, byEpoch.get(epoch)));
}

function entry(byEpoch, epoch) {
  if (!byEpoch.has(epoch)) byEpoch.set(epoch, { x: [], values: [] });
  return byEpoch.get(epoch);
}

function summary(epoch, at) {
  const finite = at.values.filter(Number.isFinite);
  const middle = median(at.values);
  return {
    epoch,
    x: at.x.length ? median(at.x) : null,
    middle: Number.isFinite(middle) ? middle : null,
    low: finite.length ? Math.min(...finite) : null,
    high: finite.length ? Math.max(...finite) : null,
    runs: at.values.length,
  };
}
