// The list of comparisons: brought up to date every few seconds while somebody looks.

import { follow } from "./follow.js";

document.querySelector("[data-filters] select").addEventListener("change", (event) => {
  event.target.form.requestSubmit();
});
follow(`/parts/comparisons${location.search}`, 4000);
