// The keys: brought up to date while somebody looks, made with a form, ended with a button.

import { getHtml, post } from "./api.js";
import { follow } from "./follow.js";
import { swapParts } from "./parts.js";

const PART = "/parts/keys";
const A_DAY = 86_400_000;

follow(PART, 10_000);

async function refresh() {
  swapParts(await getHtml(PART));
}

document.querySelector("main").addEventListener("click", async (event) => {
  const button = event.target.closest("[data-revoke]");
  if (!button) return;
  const { revoke, name } = button.dataset;
  if (!confirm(`Revoke the key ${name}? Whoever uses it is locked out at once, for good.`)) return;
  button.disabled = true;
  try {
    await post(`/v1/keys/${encodeURIComponent(revoke)}:revoke`);
    await refresh();
  } catch (problem) {
    button.disabled = false;
    document.querySelector("[data-revoke-error]").textContent = `Not revoked: ${problem.message}.`;
  }
});

/** What the form asks for; a number of days becomes the moment at which they are over. */
function wanted(form) {
  const { name, role, days } = Object.fromEntries(new FormData(form));
  const ends = days ? new Date(Date.now() + Number(days) * A_DAY).toISOString() : null;
  return { name, role, expires_at: ends };
}

const form = document.querySelector("[data-new-key]");
if (form) {
  const error = document.querySelector("[data-key-error]");
  const shown = document.querySelector("[data-secret]");
  const button = form.querySelector("button");
  button.disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    error.textContent = "";
    try {
      const made = await post("/v1/keys", wanted(form));
      shown.querySelector("code").textContent = made.secret;
      shown.hidden = false;
      form.reset();
      await refresh();
    } catch (problem) {
      error.textContent = `Not made: ${problem.message}.`;
    } finally {
      button.disabled = false;
    }
  });
}
