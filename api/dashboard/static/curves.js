// The loss curves: controls, legend, plot, and the words that go with them.

import { hidden, writeChoices } from "./choices.js";
import { counted } from "./format.js";
import { layout } from "./layout.js";
import { legendItem } from "./legend.js";
import { chosen, measured, measureOf, splitOf, words } from "./metrics.js";
import { CONFIG, NOT_LOADED, loadPlotly } from "./plotly.js";
import { saveFigure } from "./save.js";
import { throttled } from "./throttle.js";
import { traces } from "./traces.js";
import { announce, write } from "./words.js";

export class Curves {
  #root = document.querySelector("[data-curves]");
  #plot = this.#root.querySelector("[data-plot]");
  #words = this.#root.querySelector("[data-plot-words]");
  #choices;
  #contenders;
  #epochs;
  #store;
  #points;
  #onChoice;
  #plotly;
  #drawn = [];

  /** Draw again soon: more points came, the theme or the target changed. */
  refresh = throttled(() => this.#draw(), 300);

  /**
   * @param {{choices: object, contenders: object[], epochs: number, plotly: string, store: object,
   *   points: () => Map<string, object>, onChoice: () => void}} of
   */
  constructor({ choices, contenders, epochs, plotly, store, points, onChoice }) {
    this.#choices = choices;
    this.#onChoice = onChoice;
    this.#contenders = contenders;
    this.#epochs = epochs;
    this.#store = store;
    this.#points = points;
    this.#plotly = loadPlotly(plotly);
    this.#wire();
  }

  /** Say why there is no plot. */
  say(words) {
    write(this.#words, words);
    this.#words.hidden = words === "";
  }

  #wire() {
    this.#root.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      const choice = button?.closest("[data-choice]");
      if (choice) this.#choose({ [choice.dataset.choice]: button.value });
      else if (button?.dataset.save) {
        saveFigure(button.dataset.save, "curves", { plot: this.#plot, rows: this.#drawn, plotly: this.#plotly });
      } else if (button?.dataset.contender) this.#hideOrShow(button.dataset.contender);
    });
    this.#root.addEventListener("change", ({ target }) => {
      if (target.dataset.toggle) this.#choose({ [target.dataset.toggle]: target.checked ? "1" : "0" });
      if (target.matches("[data-problem-choice]")) this.#choose({ problem: target.value });
    });
  }

  #choose(change) {
    Object.assign(this.#choices, change);
    writeChoices(this.#choices);
    this.refresh();
    if (change.problem) this.#onChoice();
  }

  #hideOrShow(contender) {
    const names = hidden(this.#choices);
    if (!names.delete(contender)) names.add(contender);
    this.#choose({ hide: [...names].join(",") });
  }

  /** What there is to draw, and the choices with what the page decides by itself filled in. */
  #effective(article) {
    const drawable = this.#store.all().filter((one) => one.epoch.length);
    const finals = drawable.some((one) => one.kind === "finals");
    const runs = this.#choices.runs || (finals ? "finals" : "tuning");
    const shown = drawable.filter((one) => one.problem === article?.dataset.problem && one.kind === runs);
    const deciding = article?.dataset.metric ?? "train_loss";
    const present = measured(shown, deciding);
    const metric = chosen(this.#choices, present, deciding);
    return { shown, present, choices: { ...this.#choices, runs, metric, deciding } };
  }

  async #draw() {
    const article = this.#article(this.#choices.problem);
    const { shown, present, choices } = this.#effective(article);
    this.#showControls(choices);
    this.#showMetrics(choices, present);
    this.#showLegend(shown, choices);
    const visible = this.#contenders.filter((one) => !hidden(choices).has(one.name));
    const made = traces(shown, visible, choices, this.#points());
    this.#drawn = made.drawn;
    const target = Number.parseFloat(article?.dataset.target ?? "");
    let Plotly;
    try {
      Plotly = await this.#plotly;
    } catch {
      this.say(NOT_LOADED);
      announce(NOT_LOADED);
      return;
    }
    const look = layout(this.#plot, choices, Number.isFinite(target) ? target : null, this.#epochs);
    await Plotly.react(this.#plot, made.traces, look, CONFIG);
    this.#describe(shown, choices);
  }

  #article(problem) {
    const articles = [...document.querySelectorAll("[data-part=report] [data-problem]")];
    return articles.find((one) => one.dataset.problem === problem) ?? articles[0];
  }

  #showControls(choices) {
    for (const button of this.#root.querySelectorAll("[data-choice] button")) {
      const name = button.closest("[data-choice]").dataset.choice;
      button.setAttribute("aria-pressed", String(choices[name] === button.value));
    }
    for (const box of this.#root.querySelectorAll("[data-toggle]")) {
      box.checked = choices[box.dataset.toggle] === "1";
    }
    const select = this.#root.querySelector("[data-problem-choice]");
    if (select && choices.problem) select.value = choices.problem;
  }

  /** The metrics that can be drawn, those of the other splits in the measure that is drawn. */
  #showMetrics(choices, present) {
    const [split, measure] = [splitOf(choices.metric), measureOf(choices.metric)];
    for (const button of this.#root.querySelectorAll("[data-choice=split] button")) {
      button.hidden = !present.includes(`${button.value}_${measure}`);
      button.setAttribute("aria-pressed", String(button.value === split));
    }
    for (const button of this.#root.querySelectorAll("[data-choice=measure] button")) {
      button.setAttribute("aria-pressed", String(button.value === measure));
    }
    const measures = new Set(present.map(measureOf));
    this.#root.querySelector("[data-choice=measure]").hidden = measures.size < 2;
    this.#root.querySelector("[data-toggle=ylog]").disabled = measure === "accuracy";
  }

  #showLegend(shown, choices) {
    const names = hidden(choices);
    const list = this.#root.querySelector("[data-legend]");
    this.#contenders.forEach((contender, index) => {
      const runs = shown.filter((one) => one.contender === contender.name);
      const item = legendItem(contender, runs, choices.runs, !names.has(contender.name), list.children[index]);
      if (!item.isConnected) list.append(item);
    });
  }

  #describe(shown, choices) {
    const points = shown.reduce((sum, one) => sum + one.epoch.length, 0);
    this.#plot.dataset.points = String(points);
    const kind = choices.runs === "finals" ? "final run" : "tuning trial";
    const middle = choices.runs === "finals"
      ? "Lines are medians over the seeds, epoch by epoch; bands reach from the lowest to the highest run."
      : "One line a trial; the thick one is the best that finished.";
    const caption = `${counted(shown.length, kind)}, ${counted(points, "point")}. ${middle} Drag to zoom, double-click to reset.`;
    write(this.#root.querySelector("[data-plot-caption]"), points ? caption : "");
    this.#plot.setAttribute("aria-label", `${words(choices.metric)} of ${counted(shown.length, kind)}; the tables below hold the figures`);
    this.say(points ? "" : this.#nothing(choices));
  }

  #nothing(choices) {
    const live = document.querySelector("[data-comparison]").dataset.live === "true";
    if (!live) return choices.runs === "finals" ? "No finals were run." : "No tuning trials were run.";
    return choices.runs === "finals"
      ? "The finals begin when every contender is tuned."
      : "No points yet: the first come at the end of the first epoch.";
  }
}
