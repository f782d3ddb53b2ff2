// The list of comparisons: brought up to date every few seconds while somebody looks.

import { getHtml } from "./api.js";
import { markTrouble, markUpdated, startClock } from "./clock.js";
import { rememberParts, swapParts } from "./parts.js";
import { startTheme } from "./theme.js";

const PAUSE = 4000;

async function update() {
  if (document.hidden) return;
  try {
    swapParts(await getHtml(`/parts/comparisons${location.search}`));
    markUpdated();
  } catch (error) {
    markTrouble(error.message);
  }
}

async function keepUpdating() {
  await update();
  setTimeout(keepUpdating, PAUSE);
}

startTheme();
startClock();
rememberParts();
document.addEventListener("visibilitychange", update);
document.querySelector("[data-filters] select").addEventListener("change", (event) => {
  event.target.form.requestSubmit();
});
setTimeout(keepUpdating, PAUSE);
