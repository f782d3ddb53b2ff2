// The map of a search: its points by two of their settings, or by one and the final loss.

import { writeChoices } from "./choices.js";
import { counted } from "./format.js";
import { LOSS, came, look, placed, rows, title, traces } from "./map.js";
import { Parallel } from "./parallel.js";
import { CONFIG, NOT_LOADED, loadPlotly } from "./plotly.js";
import { saveFigure } from "./save.js";
import { inOrder } from "./scales.js";
import { throttled } from "./throttle.js";
import { triedPoints } from "./tried.js";
import { write } from "./words.js";

export class TuningMap {
  #root = document.querySelector("[data-tuning]");
  #plot = this.#root.querySelector("[data-map-plot]");
  #parallel = new Parallel();
  #choices;
  #trials;
  #plotly;
  #rows = [];

  /** Draw again soon: trials ended, or the theme changed. */
  refresh = throttled(() => this.#draw(), 300);

  /** @param {{choices: object, plotly: string, trials: () => object[], onChoice: () => void}} of */
  constructor({ choices, plotly, trials, onChoice }) {
    this.#choices = choices;
    this.#trials = trials;
    this.#plotly = loadPlotly(plotly);
    this.#root.addEventListener("change", ({ target }) => {
      if (!target.dataset.map) return;
      choices[target.dataset.map] = target.value;
      writeChoices(choices);
      this.refresh();
      onChoice();
    });
    this.#root.querySelector(".saves").addEventListener("click", ({ target }) => {
      const format = target.closest("button")?.dataset.save;
      if (format) saveFigure(format, "tuning", { plot: this.#plot, rows: this.#rows, plotly: this.#plotly });
    });
  }

  /** Say why there is no map. */
  say(words) {
    const element = this.#root.querySelector("[data-map-words]");
    write(element, words);
    element.hidden = words === "";
  }

  /** Say why there is nothing to draw. */
  fail(words) {
    this.say(words);
    this.#parallel.say(words);
  }

  /** The search that is shown: a row of the table below the map. */
  #search() {
    const searches = [...this.#root.querySelectorAll("[data-search]")];
    const of = searches.filter((row) => row.dataset.of === this.#choices.problem);
    const candidates = of.length ? of : searches.filter((row) => row.dataset.of === searches[0].dataset.of);
    return candidates.find((row) => row.dataset.search === this.#choices.map) ?? candidates[0];
  }

  async #draw() {
    const search = this.#search();
    const { search: contender, of: problem } = search.dataset;
    const space = JSON.parse(search.dataset.space);
    const settings = inOrder(space);
    const numeric = settings.filter((name) => space[name].scale !== "category");
    const axes = this.#axes(numeric);
    this.#showControls({ map: contender, problem }, numeric, axes);
    const tuning = this.#trials().filter(
      (trial) => trial.kind === "tuning" && trial.contender === contender && trial.problem === problem,
    );
    const tried = settings.length ? triedPoints(tuning) : [];
    const chosen = JSON.parse(search.dataset.chosen);
    this.#parallel.show({
      name: `${contender} on ${problem}`, points: tried, chosen,
      settings: settings.map((name) => [name, space[name]]),
      nothing: settings.length ? nothing(tuning) : "This contender searches no setting.",
    });
    const shown = { points: axes ? tried : [], chosen, axes, space };
    this.#rows = rows(shown);
    this.#describe(shown, tuning, search);
    try {
      const marks = axes ? traces(shown, this.#plot) : [];
      await (await this.#plotly).react(this.#plot, marks, look(shown, this.#plot), CONFIG);
      const drawn = axes ? `, ${title(axes.y)} over ${title(axes.x)}` : "";
      this.#plot.setAttribute("aria-label", `Map of the search of ${contender}${drawn}; the table of trials holds the figures`);
    } catch {
      this.say(NOT_LOADED);
    }
  }

  /** What is drawn across and up: as chosen, or two settings, or the one and the loss. */
  #axes(settings) {
    if (!settings.length) return null;
    const { mapx, mapy } = this.#choices;
    const x = settings.includes(mapx) ? mapx : settings[0];
    const others = [...settings.filter((name) => name !== x), LOSS];
    return { x, y: others.includes(mapy) ? mapy : others[0] };
  }

  #showControls(chosen, settings, axes) {
    for (const [name, value] of Object.entries(chosen)) {
      const select = this.#root.querySelector(`[data-map=${name}]`);
      if (select) select.value = value;
    }
    offer(this.#root.querySelector("[data-map=mapx]"), settings, axes?.x);
    const others = settings.filter((name) => name !== axes?.x);
    offer(this.#root.querySelector("[data-map=mapy]"), axes ? [...others, LOSS] : [], axes?.y);
  }

  #describe({ points, axes }, tuning, search) {
    const shown = points.filter((one) => placed(one, axes));
    const lost = shown.filter((one) => !came(one)).length;
    const parts = [counted(points.length, "point")];
    if (lost) parts.push(`${lost} diverged or failed (crosses)`);
    const stopped = shown.filter((one) => one.stopped).length;
    if (stopped) parts.push(`${stopped} stopped early (triangles)`);
    const near = search.querySelector("[data-near]").textContent;
    const hidden = notShown(points, points.length - shown.length, axes);
    const caption = `${parts.join(", ")}. ${hidden}The ring is the chosen point. Within 10 % of the best loss: ${near}.`;
    write(this.#root.querySelector("[data-map-caption]"), points.length ? caption : "");
    this.#plot.dataset.points = String(points.length);
    this.say(points.length ? "" : axes ? nothing(tuning) : "This contender searches no setting that is a number.");
  }
}

/** Says that points have no place, for they lack a setting. */
function notShown(points, hidden, axes) {
  if (!hidden) return "";
  const lacking = [axes.x, axes.y].filter((name) => name !== LOSS && points.some(({ point }) => !(name in point)));
  const [have, are] = hidden === 1 ? ["has", "is"] : ["have", "are"];
  return `${hidden} of ${counted(points.length, "point")} ${have} no ${lacking.join(" or ")} and ${are} not shown. `;
}

function nothing(tuning) {
  const live = document.querySelector("[data-comparison]").dataset.live === "true";
  if (live) return "No tuning trial of this contender has ended yet.";
  return tuning.length ? "No tuning trial of this contender came to anything." : "No tuning trials were run.";
}

/** Fill a select with these options, unless it has them already. */
function offer(select, names, chosen) {
  const old = [...select.options].map((option) => option.value);
  if (old.join("\n") !== names.join("\n")) {
    select.replaceChildren(...names.map((name) => new Option(title(name), name)));
  }
  if (chosen) select.value = chosen;
  select.disabled = names.length < 2;
}
