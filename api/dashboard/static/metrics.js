// What the curves can show: the losses and accuracies that the runs have measured.

const SPLITS = ["train", "validation", "test"];
const METRICS = ["loss", "accuracy"].flatMap((measure) => SPLITS.map((split) => `${split}_${measure}`));

/** A metric as it stands in a sentence: "training loss", "test accuracy". */
export function words(metric) {
  return metric.replace("train_", "training_").replace("_", " ");
}

/** "loss" or "accuracy". */
export function measureOf(metric) {
  return metric.split("_")[1];
}

/** "train", "validation" or "test". */
export function splitOf(metric) {
  return metric.split("_")[0];
}

/** The metrics of which some of these runs have a curve, the one that decides included. */
export function measured(series, deciding) {
  return METRICS.filter((metric) => metric === deciding || series.some((one) => one[metric].length));
}

/** The metric to draw: what was chosen where it was measured, or else the one that decides. */
export function chosen(choices, present, deciding) {
  const split = choices.split || splitOf(deciding);
  const wanted = [`${split}_${choices.measure}`, `${split}_loss`];
  return wanted.find((metric) => present.includes(metric)) ?? deciding;
}
