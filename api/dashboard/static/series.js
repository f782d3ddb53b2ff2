// The curves of a comparison's trials: fetched once, then only those that grew.

import { getJson } from "./api.js";
import { throttled } from "./throttle.js";

const PAUSE = 1000;
const AT_ONCE = 50;
const POINTS = 500;

export class SeriesStore {
  #url;
  #series = new Map();
  #grown = new Set();
  #fetchSoon;

  /**
   * @param {string} comparison
   * @param {{onGrown: () => void, onTrouble: (message: string) => void}} on
   */
  constructor(comparison, on) {
    this.#url = `/v1/comparisons/${comparison}/metrics?points=${POINTS}`;
    this.#fetchSoon = throttled(async () => {
      const trials = [...this.#grown].slice(0, AT_ONCE);
      trials.forEach((trial) => this.#grown.delete(trial));
      try {
        await this.#fetch(trials.map((trial) => `&trial=${encodeURIComponent(trial)}`).join(""));
        on.onGrown();
      } catch (error) {
        trials.forEach((trial) => this.#grown.add(trial));
        on.onTrouble(error.message);
      }
      if (this.#grown.size) this.#fetchSoon();
    }, PAUSE);
  }

  /** Every series, in the order of the trials. */
  all() {
    return [...this.#series.values()];
  }

  /** Fetch every series. */
  async load() {
    await this.#fetch("");
  }

  /** A trial changed, or has points up to that step: fetch it soon, unless they are here. */
  announce(trial, step = null) {
    if (step !== null && this.#series.get(trial)?.step.at(-1) === step) return;
    this.#grown.add(trial);
    this.#fetchSoon();
  }

  async #fetch(query) {
    for (const series of await getJson(this.#url + query)) {
      this.#series.set(series.trial_id, series);
    }
  }
}
