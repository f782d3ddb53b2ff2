// The log: fetched page by page once it is opened, and followed while the comparison runs.

import { getJson } from "./api.js";
import { write } from "./words.js";

const PAUSE = 2000;
const MOST_CHARACTERS = 400_000;

export class Log {
  #root = document.querySelector("[data-log]");
  #comparison;
  #isLive;
  #trials;
  #last = 0;
  #source = "";
  #words = "";
  #timer = null;
  #turn = 0;

  /**
   * @param {string} comparison
   * @param {{isLive: () => boolean, trials: () => Iterable<string>}} page what the page knows
   */
  constructor(comparison, { isLive, trials }) {
    this.#comparison = comparison;
    this.#isLive = isLive;
    this.#trials = trials;
    this.#part("open").addEventListener("click", () => this.#toggle());
    this.#part("trial").addEventListener("change", () => this.#restart());
    this.#part("follow").addEventListener("change", () => this.#load());
  }

  #part(name) {
    return this.#root.querySelector(`[data-log-${name}]`);
  }

  #toggle() {
    const open = this.#part("text").hidden;
    this.#part("open").setAttribute("aria-expanded", String(open));
    write(this.#part("open"), open ? "Hide the log" : "Show the log");
    for (const element of this.#root.querySelectorAll("[data-log-when]")) element.hidden = !open;
    this.#part("text").hidden = !open;
    if (open) this.#restart();
    else this.#stop();
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#turn += 1;
  }

  #restart() {
    this.#stop();
    this.#last = 0;
    this.#source = this.#words = "";
    this.#part("text").replaceChildren();
    this.#part("text").append("Loading the log…");
    document.getElementById("log-trials").replaceChildren(...[...this.#trials()].map((id) => new Option(id)));
    this.#load();
  }

  /** Fetch what is new, all pages of it, and come back while there may be more. */
  async #load() {
    this.#stop();
    const turn = this.#turn;
    const more = this.#isLive() && this.#part("follow").checked;
    try {
      for (let page = await this.#page(); page.items.length; page = await this.#page()) {
        if (turn !== this.#turn) return;
        this.#last = page.last;
        page.items.forEach((entry) => this.#add(entry));
        this.#show();
      }
      if (turn === this.#turn) this.#show();
    } catch (error) {
      if (turn === this.#turn && !this.#words) write(this.#part("text"), `The log could not be loaded: ${error.message}.`);
    }
    if (more && turn === this.#turn) this.#timer = setTimeout(() => this.#load(), PAUSE);
  }

  #page() {
    const query = new URLSearchParams({ after: this.#last, limit: 100 });
    const trial = this.#part("trial").value.trim();
    if (trial) query.set("trial", trial);
    return getJson(`/v1/comparisons/${this.#comparison}/logs?${query}`);
  }

  #add({ study_id: study, trial_id: trial, rank, attempt, text }) {
    const worker = rank ? `, rank ${rank}` : "";
    const source = `${trial ?? `driver of ${study}`}${worker}, attempt ${attempt}`;
    if (source !== this.#source) this.#words += `==> ${source} <==\n`;
    this.#source = source;
    this.#words = (this.#words + text).slice(-MOST_CHARACTERS);
  }

  #show() {
    const box = this.#part("text");
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    write(box, this.#words || "Nothing has been printed yet: trials that go well are silent.");
    if (atEnd && this.#part("follow").checked) box.scrollTop = box.scrollHeight;
  }
}
