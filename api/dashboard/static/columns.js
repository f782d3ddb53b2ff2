// The columns of the trials table: what they show, sort by and write to a file.

import { DASH, loss, number, setting, settings } from "./format.js";

const FAILURES = {
  out_of_memory: "out of memory",
  bad_setting: "bad setting",
  data_missing: "data missing",
  lost_worker: "lost worker",
  bug: "bug",
};

/** A trial's state in words: "failed: out of memory". */
export function stateWords(trial) {
  if (trial.state === "failed" && trial.failure) return `failed: ${FAILURES[trial.failure] ?? trial.failure}`;
  return trial.state;
}

function column(key, title, write = (value) => value ?? DASH) {
  return { key, title, number: true, value: (trial) => trial[key], text: (trial) => write(trial[key]) };
}

const trialNumber = (trial) => Number(trial.id.slice(trial.id.lastIndexOf("-t") + 2));

export const COLUMNS = [
  { key: "trial", title: "Trial", number: true, value: trialNumber, text: (trial) => String(trialNumber(trial)) },
  { key: "contender", title: "Contender", value: (trial) => trial.contender, text: (trial) => trial.contender },
  { key: "kind", title: "Kind", value: (trial) => trial.kind, text: (trial) => trial.kind },
  { key: "problem", title: "Problem", value: (trial) => trial.problem, text: (trial) => trial.problem },
  {
    key: "settings", title: "Settings",
    value: (trial) => Object.values(trial.point).find((value) => typeof value === "number") ?? null,
    text: (trial) => settings(trial.point),
    all: (trial) => Object.entries(trial.settings).map(([name, value]) => `${name} = ${setting(value)}`).join("\n"),
    file: (trial) => Object.entries(trial.point).map(([name, value]) => `${name}=${value}`).join(" "),
  },
  column("seed", "Seed"),
  { key: "state", title: "State", value: stateWords, text: stateWords, all: (trial) => trial.message },
  column("epochs_done", "Epochs"),
  column("best_loss", "Best loss", loss),
  column("final_loss", "Final loss", loss),
  { ...column("training_seconds", "Training", number), unit: "s" },
];
