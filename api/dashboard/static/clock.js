// The words that age: "updated 3 s ago", and every <time data-since>. No live region holds them.

import { age } from "./format.js";
import { announce, write } from "./words.js";

let updatedAt = Date.now();
let trouble = "";
let settled = false;

/** The page shows what the service has now. */
export function markUpdated() {
  updatedAt = Date.now();
  recover();
}

/** The page could not be brought up to date; it keeps trying. */
export function markTrouble(message) {
  if (!trouble) announce(`Not up to date: ${message}. Trying again.`);
  trouble = message;
  tick();
}

/** Nothing changes any more. */
export function markSettled() {
  settled = true;
  recover();
}

function recover() {
  if (trouble) announce("Up to date again.");
  trouble = "";
  tick();
}

function tick() {
  const since = age((Date.now() - updatedAt) / 1000);
  for (const element of document.querySelectorAll("[data-updated]")) {
    const words = trouble
      ? `Not up to date: ${trouble}. Last heard from ${since} ago; trying again.`
      : settled ? "" : `updated ${since} ago`;
    element.toggleAttribute("data-trouble", trouble !== "");
    write(element, words);
  }
  for (const element of document.querySelectorAll("time[data-since]")) {
    write(element, age((Date.now() - Date.parse(element.dateTime)) / 1000));
  }
}

/** Let the words age, second by second. */
export function startClock() {
  tick();
  setInterval(tick, 1000);
}
