// The cancel button: asks first, then tells the service.

import { post } from "./api.js";

/** Wire the button, where the reader may cancel; `onDone` runs when the service took it. */
export function startCancel(comparison, onDone) {
  const button = document.querySelector("[data-cancel]");
  const dialog = document.querySelector("[data-cancel-dialog]");
  if (!button || !dialog) return;
  const error = dialog.querySelector("[data-cancel-error]");
  button.addEventListener("click", () => {
    error.textContent = "";
    dialog.showModal();
  });
  button.disabled = false;
  dialog.querySelector("form").addEventListener("submit", async (event) => {
    if (event.submitter?.value !== "cancel") return;
    event.preventDefault();
    event.submitter.disabled = true;
    try {
      await post(`/v1/comparisons/${comparison}:cancel`);
      dialog.close();
      onDone();
    } catch (problem) {
      error.textContent = `Not cancelled: ${problem.message}.`;
    } finally {
      event.submitter.disabled = false;
    }
  });
}
