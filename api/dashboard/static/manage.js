// The clone button, and the delete button of a comparison that has ended, which asks first.

import { post, remove } from "./api.js";
import { announce, write } from "./words.js";

/** Wire the buttons, where the reader may press them. */
export function startManaging(comparison) {
  startCloning(comparison);
  startDeleting(comparison);
}

function startCloning(comparison) {
  const button = document.querySelector("[data-clone]");
  button?.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const made = await post(`/v1/comparisons/${comparison}:clone`);
      location.assign(`/comparisons/${made.id}`);
    } catch (problem) {
      const words = `Could not clone: ${problem.message}.`;
      write(document.querySelector("[data-steer-error]"), words);
      announce(words);
      button.disabled = false;
    }
  });
}

function startDeleting(comparison) {
  const button = document.querySelector('[data-steer="delete"]');
  const dialog = document.querySelector("[data-delete-dialog]");
  if (!button || !dialog) return;
  const error = dialog.querySelector("[data-delete-error]");
  button.addEventListener("click", () => {
    write(error, "");
    dialog.showModal();
  });
  dialog.querySelector("form").addEventListener("submit", async (event) => {
    if (event.submitter?.value !== "delete") return;
    event.preventDefault();
    event.submitter.disabled = true;
    try {
      await remove(`/v1/comparisons/${comparison}`);
      location.assign("/");
    } catch (problem) {
      write(error, `Not deleted: ${problem.message}.`);
      event.submitter.disabled = false;
    }
  });
}
