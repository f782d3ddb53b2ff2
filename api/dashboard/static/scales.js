// The axes of parallel coordinates: where a value stands, from 0 at the foot to 1 at the head.

import { loss, setting } from "./format.js";
import { came } from "./map.js";

const BELOW_LOST = 0.88; // where the losses end, so that what came to none stands apart above them
const MANY_TICKS = 6;

/** The settings of a space: those that every point has first, the learning rate ahead. */
export function inOrder(space) {
  const rank = (name) => 2 * space[name].conditional + (name !== "lr");
  return Object.keys(space).sort((one, other) => rank(one) - rank(other));
}

/**
 * An axis for each searched setting, and the last one for the loss.
 *
 * @param {[string, object][]} settings each with its scale and bounds or values, in order
 * @param {number[]} losses of all points, infinite where a point came to none
 * @returns {{title: string, optional: boolean, place: (one: object) => number | null,
 *   words: (at: number, towards: (at: number) => number) => string, ticks: {at: number, words: string}[]}[]}
 *   `place` is null where a point lacks the setting, which it may where `optional`; `words` tell the value at a
 *   place, between two values the one to which a rounding goes; the axis of the loss has `value` besides, the loss at a place, or null
 */
export function axesOf(settings, losses) {
  return [...settings.map(settingAxis), lossAxis(losses)];
}

function settingAxis([name, { scale, bounds, values, conditional }]) {
  const line = scale === "category" ? categories(values) : measured(scale, bounds, setting);
  const place = ({ point }) => (name in point ? line.place(point[name]) : null);
  return { ...line, place, title: name, optional: conditional };
}

function lossAxis(losses) {
  const finite = losses.filter(Number.isFinite);
  const head = finite.length < losses.length ? BELOW_LOST : 1;
  const scale = finite.every((value) => value > 0) ? "log" : "linear";
  const line = measured(scale, [Math.min(...finite), Math.max(...finite)], loss);
  const ticks = line.ticks.map(({ at, words }) => ({ at: head * at, words }));
  return {
    title: "final loss",
    optional: false,
    place: (one) => (came(one) ? head * line.place(one.loss) : 1),
    value: (at) => (finite.length && at <= head ? line.value(at / head) : null),
    words: (at, towards) => (at > head && (at === 1 || towards === Math.ceil) ? "diverged or failed" : line.words(Math.min(at / head, 1))),
    ticks: head < 1 ? [...ticks, { at: 1, words: "diverged" }] : ticks,
  };
}

/** Values side by side, in the order in which the space has them. */
function categories(values) {
  const keys = values.map((value) => JSON.stringify(value));
  const step = 1 / Math.max(values.length - 1, 1);
  return {
    place: (value) => step * keys.indexOf(JSON.stringify(value)),
    words: (at, towards) => setting(values[towards(at / step)] ?? values.at(-1)),
    ticks: values.map((value, index) => ({ at: step * index, words: setting(value) })),
  };
}

/** Numbers between two bounds, on a scale that is searched evenly. */
function measured(scale, [low, high], write) {
  if (!(low <= high)) return { place: () => 0, value: () => null, words: () => "", ticks: [] };
  const [to, from] = scale === "log" ? [Math.log10, (at) => 10 ** at] : [Number, Number];
  const width = to(high) - to(low);
  const place = (value) => (width > 0 ? (to(value) - to(low)) / width : 0.5);
  const ticks = width > 0 ? round(scale, low, high) : [low];
  const value = (at) => from(to(low) + at * width);
  return {
    place,
    value,
    words: (at) => write(value(at)),
    ticks: ticks.map((one) => ({ at: place(one), words: write(one) })).filter(({ at }) => Math.abs(at - 0.5) < 0.5 + 1e-9),
  };
}

/** Round numbers between the bounds: powers of ten, on a narrow log scale 1, 2 and 5 times them, or even steps. */
function round(scale, low, high) {
  if (scale === "log") {
    const first = Math.floor(Math.log10(low));
    const powers = Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, index) => first + index);
    for (const digits of [[1], [1, 2, 5]]) {
      const all = powers.flatMap((power) => digits.map((digit) => Number(`${digit}e${power}`)));
      const kept = all.filter((value) => low <= value && value <= high);
      if (kept.length > 2) return thinned(kept);
    }
  }
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((digit) => digit * power >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

function thinned(values) {
  const every = Math.ceil(values.length / MANY_TICKS);
  return values.filter((_, index) => index % every === 0);
}
