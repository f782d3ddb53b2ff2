// The legend: a button a contender, which hides and shows it, with its number of runs.

import { counted } from "./format.js";
import { write } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

/** A contender's entry, made new or, where it stands already, brought up to date. */
export function legendItem(contender, runs, kind, shown, item = made(contender)) {
  const button = item.querySelector("button");
  button.setAttribute("aria-pressed", String(shown));
  write(item.querySelector("[data-n]"), words(runs, kind));
  return item;
}

function words(runs, kind) {
  const diverged = runs.filter((run) => run.state === "diverged").length;
  const n = kind === "finals" ? `n = ${runs.length}` : counted(runs.length, "trial");
  return diverged ? `${n}, ${diverged} diverged` : n;
}

function made(contender) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const name = document.createElement("span");
  const number = document.createElement("span");
  button.type = "button";
  button.dataset.contender = contender.name;
  name.textContent = contender.name;
  number.className = "quiet numeral";
  number.dataset.n = "";
  button.append(sample(contender), name, number);
  item.append(button);
  return item;
}

function sample(contender) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 22 8");
  svg.setAttribute("class", "sample");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "line");
  const form = { x1: 0, x2: 22, y1: 4, y2: 4, stroke: contender.colour, "stroke-width": 3 };
  for (const [name, value] of Object.entries(form)) line.setAttribute(name, value);
  svg.append(line);
  return svg;
}
