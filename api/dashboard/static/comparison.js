// A comparison's page: live parts from the server, curves, trials, what may be done to it.

import { getHtml } from "./api.js";
import { startCancel } from "./cancel.js";
import { readChoices } from "./choices.js";
import { markSettled, markTrouble, markUpdated, startClock } from "./clock.js";
import { Curves } from "./curves.js";
import { listen } from "./live.js";
import { Log } from "./log.js";
import { startManaging } from "./manage.js";
import { rememberParts, swapParts } from "./parts.js";
import { Profiles } from "./profiles.js";
import { SeriesStore } from "./series.js";
import { showSteering, startSteering } from "./steer.js";
import { startTheme } from "./theme.js";
import { throttled } from "./throttle.js";
import { Trials } from "./trials.js";
import { TuningMap } from "./tuning.js";
import { announce } from "./words.js";

const PARTS_PAUSE = 2000;
const TRIALS_PAUSE = 3000;
const PULSE = 5000;

const page = document.querySelector("[data-comparison]");
const id = page.dataset.comparison;
const contenders = Object.entries(JSON.parse(page.dataset.contenders)).map(([name, colour]) => ({ name, colour }));
const trials = new Trials(id, contenders, document.querySelectorAll("[data-problem]").length);
const choices = readChoices();
const { plotly } = page.dataset;
const store = new SeriesStore(id, { onGrown: () => curves.refresh(), onTrouble: markTrouble });
const curves = new Curves({
  choices,
  contenders,
  epochs: Number(page.dataset.epochs),
  plotly,
  store,
  points: () => trials.points(),
  onChoice: () => map.refresh(),
});
const profiles = new Profiles({ contenders, plotly });
const map = new TuningMap({ choices, plotly, trials: () => trials.all(), onChoice: () => curves.refresh() });

new Log(id, { isLive: () => page.dataset.live === "true", trials: () => trials.points().keys() });

let stopListening = () => {};
let pulse = null;

/** Run something that may fail; the page says so and stays as it was. */
async function attempt(work) {
  try {
    await work();
    markUpdated();
    return true;
  } catch (error) {
    markTrouble(error.message);
    return false;
  }
}

/** What a reader who does not look should hear of: the verdict, and whether the driver is silent. */
function standing() {
  const verdict = [...document.querySelectorAll("[data-sentence]")].map((one) => one.textContent).join(" ");
  return { verdict, silent: document.querySelector("[data-silent]") !== null };
}

function tell(before, now) {
  if (now.verdict !== before.verdict) announce(`Verdict: ${now.verdict}`);
  else if (now.silent && !before.silent) announce("No driver was heard of for a while.");
  else if (before.silent && !now.silent) announce("The driver was heard of again.");
}

const refreshParts = throttled(() => attempt(async () => {
  const fetched = await getHtml(`/parts/comparisons/${id}`);
  const { live, state, paused } = fetched.querySelector("[data-live]").dataset;
  const before = standing();
  swapParts(fetched);
  tell(before, standing());
  drawAgain();
  const cancel = document.querySelector(".actions [data-cancel]");
  if (cancel) cancel.hidden = live !== "true" || state === "cancelling";
  showSteering({ state, paused });
  page.dataset.live = live;
  if (live !== "true") await settle();
}), PARTS_PAUSE);

const refreshTrials = throttled(() => attempt(async () => {
  await trials.load();
  map.refresh();
}), TRIALS_PAUSE);

/** Every plot, from what is here. */
function drawAgain() {
  curves.refresh();
  profiles.refresh();
  map.refresh();
}

async function loadAll() {
  const loaded = await attempt(() => Promise.all([store.load(), trials.load()]));
  if (loaded) {
    drawAgain();
  } else {
    curves.say("The curves could not be loaded; trying again.");
    map.fail("The trials could not be loaded; trying again.");
    trials.say("The trials could not be loaded; trying again.");
  }
  return loaded;
}

/** The comparison has ended: fetch everything once more and stop asking. */
async function settle() {
  await Promise.all([store.load(), trials.load()]);
  stopListening();
  clearInterval(pulse);
  drawAgain();
  markSettled();
}

function goLive() {
  let opened = 0;
  stopListening = listen(`/v1/comparisons/${id}/events`, {
    onOpen: () => {
      opened += 1;
      refreshParts();
      if (opened > 1) loadAll();
    },
    onChange: (change) => {
      if (change.subject === "trial") store.announce(change.subject_id);
      refreshParts();
      refreshTrials();
    },
    onPoints: ({ trial_id: trial, up_to_step: step }) => {
      store.announce(trial, step);
      refreshParts();
      refreshTrials();
    },
    onLost: () => markTrouble("the live connection broke"),
  });
  pulse = setInterval(() => {
    if (!document.hidden) refreshParts();
  }, PULSE);
}

async function start() {
  startClock();
  startTheme(drawAgain);
  rememberParts();
  const refresh = () => {
    refreshParts();
    refreshTrials();
  };
  startCancel(id, refresh);
  startSteering(id, refresh);
  startManaging(id);
  showSteering(page.dataset);
  const live = page.dataset.live === "true";
  if (live) goLive();
  while (!(await loadAll())) await new Promise((resolve) => setTimeout(resolve, PULSE));
  if (!live) markSettled();
}

start();
