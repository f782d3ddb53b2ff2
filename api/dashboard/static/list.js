// The list of comparisons: brought up to date every few seconds while somebody looks.

import { follow } from "./follow.js";

document.querySelector("[data-filters]").addEventListener("change", ({ target }) => {
  if (target.matches("select")) target.form.requestSubmit();
});
follow(`/parts/comparisons${location.search}`, 4000);
