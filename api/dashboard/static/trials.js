// The trials table: sorted, filtered and saved in the browser.

import { getJson } from "./api.js";
import { COLUMNS } from "./columns.js";
import { counted } from "./format.js";
import { csv, saveText } from "./save.js";
import { announce, write } from "./words.js";

const ROWS_AT_FIRST = 200;
const ENDED = new Set(["finished", "stopped", "diverged", "failed", "cancelled"]);

export class Trials {
  #root = document.querySelector("[data-trials]");
  #comparison;
  #colours;
  #columns;
  #trials = [];
  #sort = { column: 0, descending: false };
  #limit = ROWS_AT_FIRST;
  #loaded = false;

  constructor(comparison, contenders, problems) {
    this.#comparison = comparison;
    this.#colours = new Map(contenders.map((one) => [one.name, one.colour]));
    this.#columns = COLUMNS.filter((column) => column.key !== "problem" || problems > 1);
    this.#makeHead();
    this.#root.addEventListener("change", () => {
      this.#show();
      announce(this.#count.textContent);
    });
    this.#root.querySelector("[data-trials-csv]").addEventListener("click", () => this.#save());
    this.#more.addEventListener("click", () => {
      this.#limit = Infinity;
      this.#show();
    });
  }

  /** Fetch every trial and show those that the filters let through. */
  async load() {
    this.#trials = await getJson(`/v1/comparisons/${this.#comparison}/trials`);
    this.#loaded = true;
    this.#show();
  }

  /** Say, in place of the rows, why there are none. */
  say(words) {
    if (!this.#loaded) this.#body.replaceChildren(this.#sentence(words));
  }

  /** Every trial, as far as they are loaded. */
  all() {
    return this.#trials;
  }

  /** Searched settings by trial id. */
  points() {
    return new Map(this.#trials.map((trial) => [trial.id, trial.point]));
  }

  get #body() {
    return this.#root.querySelector("[data-trials-body]");
  }

  get #count() {
    return this.#root.querySelector("[data-trials-count]");
  }

  get #more() {
    return this.#root.querySelector("[data-trials-more]");
  }

  #makeHead() {
    const cells = this.#columns.map((column, index) => {
      const cell = document.createElement("th");
      const button = document.createElement("button");
      cell.scope = "col";
      cell.classList.toggle("number", Boolean(column.number));
      button.type = "button";
      button.textContent = column.unit ? `${column.title}, ${column.unit}` : column.title;
      button.addEventListener("click", () => this.#sortBy(index));
      cell.append(button);
      return cell;
    });
    if (maySteer()) {
      const cell = document.createElement("th");
      const title = document.createElement("span");
      cell.scope = "col";
      title.className = "hidden";
      title.textContent = "Actions";
      cell.append(title);
      cells.push(cell);
    }
    this.#root.querySelector("[data-trials-head]").replaceChildren(...cells);
  }

  #sortBy(column) {
    const descending = this.#sort.column === column && !this.#sort.descending;
    this.#sort = { column, descending };
    this.#show();
  }

  /** The trials that the filters let through, in order; those without a value come last. */
  #shown() {
    const filters = [...this.#root.querySelectorAll("[data-filter]")].filter((one) => one.value);
    const kept = this.#trials.filter((trial) => filters.every((one) => trial[one.dataset.filter] === one.value));
    const value = this.#columns[this.#sort.column].value;
    const sign = this.#sort.descending ? -1 : 1;
    return kept.sort((first, second) => {
      const [a, b] = [value(first), value(second)];
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
    });
  }

  #show() {
    const shown = this.#shown();
    const rows = shown.slice(0, this.#limit).map((trial) => this.#row(trial));
    const empty = this.#trials.length ? "No trial fits the filters." : "No trials yet.";
    if (this.#loaded) this.#body.replaceChildren(...(rows.length ? rows : [this.#sentence(empty)]));
    [...this.#root.querySelectorAll("[data-trials-head] th")].slice(0, this.#columns.length).forEach((cell, index) => {
      const order = this.#sort.descending ? "descending" : "ascending";
      cell.setAttribute("aria-sort", index === this.#sort.column ? order : "none");
    });
    const all = counted(this.#trials.length, "trial");
    write(this.#count, shown.length === this.#trials.length ? all : `${shown.length.toLocaleString("en")} of ${all}`);
    this.#more.hidden = shown.length <= this.#limit;
    this.#more.textContent = `Show all ${shown.length.toLocaleString("en")}`;
  }

  #row(trial) {
    const row = document.createElement("tr");
    for (const column of this.#columns) {
      const cell = row.insertCell();
      cell.textContent = column.text(trial);
      cell.classList.toggle("number", Boolean(column.number));
      if (column.all?.(trial)) cell.title = column.all(trial);
      if (column.key === "state") cell.replaceChildren(chip(trial.state, cell.textContent));
      if (column.key === "contender") cell.prepend(dot(this.#colours.get(trial.contender)));
    }
    if (maySteer()) {
      const cell = row.insertCell();
      cell.className = "steer";
      if (!ENDED.has(trial.state)) cell.append(...steering(trial));
    }
    return row;
  }

  #sentence(words) {
    const row = document.createElement("tr");
    const cell = row.insertCell();
    cell.colSpan = this.#columns.length + maySteer();
    cell.className = "quiet";
    cell.textContent = words;
    return row;
  }

  #save() {
    const header = this.#columns.map((column) => column.key);
    const rows = this.#shown().map((trial) => this.#columns.map((column) => (column.file ?? column.value)(trial)));
    saveText(`${this.#comparison}-trials.csv`, csv([header, ...rows]));
  }
}

/** Whether the reader may cancel, pause and resume. */
function maySteer() {
  return document.querySelector("[data-cancel-dialog]") !== null;
}

/** The buttons of a trial that has not ended; steer.js and cancel.js act on them. */
function steering(trial) {
  const verb = trial.state === "paused" ? "resume" : "pause";
  return [action("do", verb, trial.id), action("cancel", "trial", trial.id)];
}

function action(attribute, what, trial) {
  const made = document.createElement("button");
  const title = attribute === "cancel" ? "Cancel" : what[0].toUpperCase() + what.slice(1);
  made.type = "button";
  made.className = "plain";
  made.dataset[attribute] = what;
  made.dataset.trial = trial;
  made.textContent = attribute === "cancel" ? `${title}…` : title;
  made.ariaLabel = `${title} trial ${trial.slice(trial.lastIndexOf("-t") + 2)}`;
  return made;
}

function chip(state, words) {
  const made = document.createElement("span");
  made.className = "chip";
  made.dataset.state = state;
  made.textContent = words;
  return made;
}

function dot(colour) {
  const template = document.createElement("template");
  template.innerHTML = '<svg class="dot" viewBox="0 0 10 10" aria-hidden="true"><circle cx="5" cy="5" r="5"/></svg>';
  template.content.querySelector("circle").setAttribute("fill", colour ?? "currentColor");
  return template.content;
}
