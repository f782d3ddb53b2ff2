// The cancel buttons, of the comparison, a contender or a trial: each asks first, then tells the service.

import { post } from "./api.js";
import { pathOf } from "./steer.js";

/** What a cancel of each would do, before it is done. */
const QUESTIONS = {
  comparison: {
    title: () => "Cancel this comparison?",
    words: "Trials that run are stopped and those that wait are dropped. What was measured so far is kept, but there will be no verdict.",
  },
  contender: {
    title: (name) => `Cancel ${name}?`,
    words: "Its trials end and it has no finals: the verdict will be about the other contenders. What was measured so far is kept.",
  },
  trial: {
    title: (id) => `Cancel trial ${id.slice(id.lastIndexOf("-t") + 2)}?`,
    words: "It ends alone. In a search its point cannot be chosen; in the finals its seed has no pair.",
  },
};

/** Wire the buttons, where the reader may cancel; `onDone` runs when the service took it. */
export function startCancel(comparison, onDone) {
  const page = document.querySelector("[data-comparison]");
  const dialog = document.querySelector("[data-cancel-dialog]");
  if (!dialog) return;
  const part = (name) => dialog.querySelector(`[data-cancel-${name}]`);
  let path = "";
  page.addEventListener("click", (event) => {
    const button = event.target.closest("[data-cancel]");
    if (!button) return;
    const { cancel: what, contender, trial } = button.dataset;
    path = pathOf(comparison, { contender, trial });
    part("title").textContent = QUESTIONS[what].title(contender ?? trial);
    part("words").textContent = QUESTIONS[what].words;
    part("what").textContent = `Cancel the ${what}`;
    part("error").textContent = "";
    dialog.showModal();
  });
  document.querySelector(".actions [data-cancel]").disabled = false;
  dialog.querySelector("form").addEventListener("submit", async (event) => {
    if (event.submitter?.value !== "cancel") return;
    event.preventDefault();
    event.submitter.disabled = true;
    try {
      await post(`${path}:cancel`);
      dialog.close();
      onDone();
    } catch (problem) {
      part("error").textContent = `Not cancelled: ${problem.message}.`;
    } finally {
      event.submitter.disabled = false;
    }
  });
}
