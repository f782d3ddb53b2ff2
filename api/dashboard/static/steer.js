// Pause and resume, for the comparison, each contender and each trial, and extend; cancel.js asks before it acts.

import { post } from "./api.js";
import { announce, write } from "./words.js";

const PAUSABLE = ["queued", "running"];
const EXTENSIBLE = ["queued", "running", "finished"];
const ENDED = ["finished", "failed", "cancelled"];

/** Where the service is told what to do with a comparison, one of its contenders or one of its trials. */
export function pathOf(comparison, { contender, trial }) {
  if (trial) return `/v1/trials/${trial}`;
  const part = contender ? `/contenders/${encodeURIComponent(contender)}` : "";
  return `/v1/comparisons/${comparison}${part}`;
}

/** Wire the buttons, where the reader may press them; `onDone` runs when the service took it. */
export function startSteering(comparison, onDone) {
  const page = document.querySelector("[data-comparison]");
  page.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-do]");
    if (!button) return;
    const { do: verb, contender, trial } = button.dataset;
    button.disabled = true;
    try {
      await post(`${pathOf(comparison, { contender, trial })}:${verb}`);
      say("");
      onDone();
    } catch (problem) {
      say(`Could not ${verb}: ${problem.message}.`);
    } finally {
      button.disabled = false;
    }
  });
  startExtending(comparison);
  page.dataset.steered = "";
}

/** Show the buttons that the comparison's state has a use for. */
export function showSteering({ state, paused }) {
  const fits = {
    pause: PAUSABLE.includes(state),
    resume: state === "paused" || (state === "running" && Number(paused) > 0),
    extend: EXTENSIBLE.includes(state),
    delete: ENDED.includes(state),
  };
  for (const [name, shown] of Object.entries(fits)) {
    const button = document.querySelector(`.actions [data-steer="${name}"]`);
    if (button) button.hidden = !shown;
  }
}

/** The dialog with the new totals; a comparison that had finished runs again, so the page begins anew. */
function startExtending(comparison) {
  const button = document.querySelector('[data-steer="extend"]');
  const dialog = document.querySelector("[data-extend-dialog]");
  if (!button || !dialog) return;
  const error = dialog.querySelector("[data-extend-error]");
  const fields = [...dialog.querySelectorAll("input")];
  button.addEventListener("click", () => {
    write(error, "");
    dialog.showModal();
  });
  dialog.querySelector("form").addEventListener("submit", async (event) => {
    if (event.submitter?.value !== "extend") return;
    event.preventDefault();
    const given = fields.filter((field) => field.value !== field.defaultValue);
    if (!given.length) return dialog.close();
    event.submitter.disabled = true;
    try {
      const totals = Object.fromEntries(given.map((field) => [field.name, field.valueAsNumber]));
      await post(`/v1/comparisons/${comparison}:extend`, totals);
      location.reload();
    } catch (problem) {
      write(error, `Not extended: ${problem.message}.`);
      event.submitter.disabled = false;
    }
  });
}

function say(words) {
  write(document.querySelector("[data-steer-error]"), words);
  if (words) announce(words);
}
