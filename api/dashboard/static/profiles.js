// The performance profiles: how near the best each contender comes, and on which share of the problems.

import { frame } from "./layout.js";
import { CONFIG, NOT_LOADED, loadPlotly } from "./plotly.js";
import { saveFigure } from "./save.js";
import { throttled } from "./throttle.js";
import { write } from "./words.js";

const LARGEST = 4;
const NONE = {
  live: "The profiles begin when every contender has a run on two problems.",
  ended: "There is no profile; the words below say why.",
};

export class Profiles {
  #root = document.querySelector("[data-profiles]");
  #contenders;
  #plotly;

  /** Draw again soon: the scores or the theme changed. */
  refresh = throttled(() => this.#draw(), 300);

  /** @param {{contenders: {name: string, colour: string}[], plotly: string}} of */
  constructor({ contenders, plotly }) {
    this.#contenders = contenders;
    this.#plotly = loadPlotly(plotly);
    this.#root?.addEventListener("click", ({ target }) => {
      const format = target.closest("button")?.dataset.save;
      if (format) saveFigure(format, "profiles", { plot: this.#plot, rows: rows(shown()), plotly: this.#plotly });
    });
  }

  get #plot() {
    return this.#root.querySelector("[data-profiles-plot]");
  }

  async #draw() {
    if (!this.#root) return;
    const found = shown();
    const live = document.querySelector("[data-comparison]").dataset.live === "true";
    this.#say(found.length ? "" : NONE[live ? "live" : "ended"]);
    const colours = new Map(this.#contenders.map((one) => [one.name, one.colour]));
    try {
      await (await this.#plotly).react(this.#plot, traces(found, colours), look(this.#plot), CONFIG);
    } catch {
      this.#say(NOT_LOADED);
    }
  }

  #say(words) {
    const element = this.#root.querySelector("[data-profiles-words]");
    write(element, words);
    element.hidden = words === "";
  }
}

/** The profiles of the table below the plot. */
function shown() {
  return [...document.querySelectorAll("[data-profile]")].map((row) => ({
    name: row.dataset.profile,
    steps: JSON.parse(row.dataset.steps),
  }));
}

/**
 * @param {{name: string, steps: number[][]}[]} profiles each step holds from its ratio on
 * @param {Map<string, string>} colours
 */
export function traces(profiles, colours) {
  return profiles.map(({ name, steps }) => ({
    type: "scatter",
    mode: "lines",
    name,
    x: steps.map(([ratio]) => ratio),
    y: steps.map(([, share]) => share),
    line: { color: colours.get(name), width: 2.25, shape: "hv" },
    hovertemplate: `${name}<br>%{y:.0%} of the problems<br>within %{x:.2f} times the best<extra></extra>`,
  }));
}

function rows(profiles) {
  const all = profiles.flatMap(({ name, steps }) => steps.map(([ratio, share]) => [name, ratio, share]));
  return [["contender", "ratio_to_best", "share_of_problems"], ...all];
}

function look(plot) {
  const { axis, ...base } = frame(plot);
  const ticks = [1, 1.5, 2, 3, LARGEST];
  return {
    ...base,
    xaxis: {
      ...axis,
      title: { text: "outcome over the best one", standoff: 8, font: { size: 13 } },
      type: "log",
      range: [0, Math.log10(LARGEST)],
      tickvals: ticks,
      ticktext: ticks.map((tick) => `${tick}×`),
    },
    yaxis: {
      ...axis,
      title: { text: "share of problems", standoff: 8, font: { size: 13 } },
      range: [-0.02, 1.04],
      tickformat: ".0%",
    },
  };
}
