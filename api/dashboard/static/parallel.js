// Parallel coordinates of a search: each point a line through its settings to its loss. A part of an axis, chosen by
// dragging along it or by the arrow keys on its handles, lets through only what crosses the axis there.

import { counted } from "./format.js";
import { Heat } from "./heat.js";
import { came, rows, same, words } from "./map.js";
import { csv, fileName, savePicture, saveText } from "./save.js";
import { axesOf } from "./scales.js";
import { geometry, picture } from "./strands.js";
import { announce, write } from "./words.js";

const STEP = 0.05;
const STEPS = { ArrowUp: STEP, ArrowRight: STEP, ArrowDown: -STEP, ArrowLeft: -STEP, Home: -1, End: 1 };
const ROUNDING = 1e-9;
const GRIP = 0.035; // how near to a handle a drag takes hold of it, as a share of the axis

export class Parallel {
  #root = document.querySelector("[data-parallel]");
  #svg = this.#root.querySelector("svg");
  #search = null;
  #axes = [];
  #place = null;
  #brushes = new Map();
  #drag = null;

  constructor() {
    this.#svg.addEventListener("pointerdown", (event) => this.#take(event));
    this.#svg.addEventListener("pointermove", (event) => this.#pull(event));
    this.#svg.addEventListener("lostpointercapture", () => this.#release());
    this.#svg.addEventListener("keydown", (event) => this.#press(event));
    this.#root.addEventListener("click", ({ target }) => {
      const { save, clear } = target.closest("button")?.dataset ?? {};
      if (save) this.#save(save);
      if (clear === undefined) return;
      this.#brush(null);
      this.#focus({ axis: 0, end: 0 }); // the button is gone
    });
    new ResizeObserver(() => this.#draw()).observe(this.#svg.parentElement);
  }

  /**
   * Show a search; another one than before lets everything through.
   *
   * @param {{name: string, points: object[], chosen: object | null, settings: [string, object][], nothing: string}} search
   *   `settings` as scales.js takes them; `nothing` says why there are no points
   */
  show(search) {
    if (search.name !== this.#search?.name) this.#brushes.clear();
    this.#search = search;
    this.#draw();
  }

  /** Say why there are no lines. */
  say(words) {
    write(this.#root.querySelector("[data-parallel-words]"), words);
  }

  #draw() {
    if (this.#search === null) return;
    const { name, points, settings, nothing } = this.#search;
    this.say(points.length ? "" : nothing);
    this.#svg.toggleAttribute("hidden", !points.length);
    this.#axes = axesOf(settings, points.map((one) => one.loss));
    this.#place = geometry(this.#axes, this.#svg.parentElement.clientWidth);
    const heat = new Heat(points.filter(came).map((one) => one.loss));
    const strands = points.map((one) => this.#strand(one, heat)).sort((one, other) => one.rank - other.rank);
    const focused = this.#svg.contains(document.activeElement) ? document.activeElement.dataset : null;
    const look = getComputedStyle(this.#svg);
    const label = `Parallel coordinates of the search of ${name}; the table of trials holds the figures`;
    const { width, height } = this.#place;
    const frame = { width, height, "font-family": look.fontFamily, "font-size": 12, "aria-label": label };
    for (const [attribute, value] of Object.entries(frame)) this.#svg.setAttribute(attribute, value);
    this.#svg.replaceChildren(...picture({ axes: this.#axes, strands, brushes: this.#brushes, heat }, this.#place, look));
    if (focused) this.#focus(focused);
    this.#describe();
  }

  #focus({ axis, end }) {
    this.#svg.querySelector(`[data-axis="${axis}"][data-end="${end}"]`)?.focus({ preventScroll: true });
  }

  /** A point's line; those that are let through lie above the others, the chosen one above all. */
  #strand(one, heat) {
    const inside = this.#passes(one);
    const chosen = same(one.point, this.#search.chosen);
    const colour = came(one) ? heat.colour(one.loss) : null;
    const places = this.#axes.map((axis) => axis.place(one));
    return { places, colour, inside, chosen, rank: 2 * inside + chosen, words: words(one, "\n") };
  }

  #passes(one) {
    return [...this.#brushes].every(([index, [low, high]]) => {
      const at = this.#axes[index].place(one);
      return at !== null && low - ROUNDING <= at && at <= high + ROUNDING;
    });
  }

  #describe() {
    const { points } = this.#search;
    const passing = points.filter((one) => this.#passes(one));
    const lost = passing.filter((one) => !came(one)).length;
    const shown = (this.#brushes.size ? `${passing.length} of ` : "") + counted(points.length, "point");
    const dashed = lost ? `, ${lost} diverged or failed (dashed)` : "";
    const alone = points.length === 1 ? " One line alone shows no pattern." : "";
    const thick = points.some((one) => same(one.point, this.#search.chosen)) ? " The thick line is the chosen point." : "";
    const caption = `${shown}${dashed}.${thick}${alone}`;
    write(this.#root.querySelector("[data-parallel-caption]"), points.length ? caption : "");
    this.#root.querySelector("[data-clear]").hidden = !this.#brushes.size;
  }

  /** Let through what crosses an axis there; the whole of it is no condition. Without an axis, everything. */
  #brush(index, range = [0, 1]) {
    const [low, high] = [Math.min(...range), Math.max(...range)];
    if (index === null) this.#brushes.clear();
    else if (low <= 0 && high >= 1) this.#brushes.delete(index);
    else this.#brushes.set(index, [low, high]);
    this.#draw();
  }

  #take(event) {
    const index = Number(event.target.dataset.axis ?? NaN);
    if (Number.isNaN(index) || event.button) return;
    const at = this.#at(event);
    const [low, high] = this.#brushes.get(index) ?? [0, 1];
    const held = [[low, high], [high, low]].find(([end]) => Math.abs(end - at) < GRIP);
    this.#drag = { index, from: held ? held[1] : at, held: Boolean(held), moved: false };
    this.#svg.setPointerCapture(event.pointerId);
  }

  #pull(event) {
    if (!this.#drag) return;
    const at = this.#at(event);
    if (Math.abs(at - this.#drag.from) > GRIP) this.#drag.moved = true;
    if (this.#drag.moved) this.#brush(this.#drag.index, [this.#drag.from, at]);
  }

  /** The end of a drag; without one, of a press beside the handles, which lets everything through. */
  #release() {
    if (this.#drag && !this.#drag.moved && !this.#drag.held) this.#brush(this.#drag.index);
    this.#drag = null;
  }

  #press(event) {
    const { axis, end } = event.target.dataset;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (end === undefined || !(event.key in STEPS || event.key === "Escape")) return;
    event.preventDefault();
    const range = [...(this.#brushes.get(Number(axis)) ?? [0, 1])];
    const [least, most] = end === "0" ? [0, range[1]] : [range[0], 1];
    const moved = Number((range[end] + STEPS[event.key]).toFixed(6)); // sums of 0.05 drift
    range[end] = Math.min(Math.max(moved, least), most);
    this.#brush(Number(axis), event.key === "Escape" ? [0, 1] : range);
    announce(this.#root.querySelector("[data-parallel-caption]").textContent);
  }

  #at({ clientY }) {
    return this.#place.at(clientY - this.#svg.getBoundingClientRect().top);
  }

  #save(format) {
    if (this.#search === null) return;
    const name = fileName("parallel");
    const passing = { points: this.#search.points.filter((one) => this.#passes(one)) };
    if (format === "csv") saveText(`${name}.csv`, csv(rows(passing)));
    else savePicture(format, name, this.#svg);
  }
}
