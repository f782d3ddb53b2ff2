// A page whose parts the server renders again: brought up to date while somebody looks.

import { getHtml } from "./api.js";
import { markTrouble, markUpdated, startClock } from "./clock.js";
import { rememberParts, swapParts } from "./parts.js";
import { startTheme } from "./theme.js";

/** Start the page's clock and theme, and fetch its parts from there again and again. */
export function follow(source, pause) {
  async function update() {
    if (document.hidden) return;
    try {
      swapParts(await getHtml(source));
      markUpdated();
    } catch (error) {
      markTrouble(error.message);
    }
  }

  async function keepUpdating() {
    await update();
    setTimeout(keepUpdating, pause);
  }

  startTheme();
  startClock();
  rememberParts();
  document.addEventListener("visibilitychange", update);
  setTimeout(keepUpdating, pause);
}
