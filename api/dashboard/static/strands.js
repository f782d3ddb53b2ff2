// Parallel coordinates as SVG: an axis for each setting, a line for each point. Attributes alone give the look, as
// the policy forbids inline styles; a saved picture has it too.

const SPACE = { top: 44, foot: 18, lacking: 26, left: 64, right: 84, height: 290 };
const LETTER = 7.4; // width of a title's letter, in pixels
const CELLS = 30;

/**
 * Where axes stand and how far up a place is, in pixels.
 *
 * @param {object[]} axes of scales.js
 * @param {number} room the width that is there; the picture is wider where the titles need it
 */
export function geometry(axes, room) {
  const gaps = Math.max(axes.length - 1, 1);
  const longest = Math.max(...axes.map(({ title }) => title.length));
  const least = Math.max(96, longest * LETTER + 14);
  const gap = Math.max((room - SPACE.left - SPACE.right) / gaps, least);
  const bottom = SPACE.top + SPACE.height;
  const lacking = axes.some(({ optional }) => optional) ? SPACE.lacking : 0;
  return {
    width: SPACE.left + gap * gaps + SPACE.right,
    height: bottom + lacking + SPACE.foot,
    x: (index) => SPACE.left + index * gap,
    y: (at) => (at === null ? bottom + lacking : bottom - at * SPACE.height),
    at: (y) => Math.min(Math.max((bottom - y) / SPACE.height, 0), 1),
  };
}

/**
 * The picture's elements.
 *
 * @param {{axes: object[], strands: object[], brushes: Map<number, number[]>, heat: Heat}} shown
 * @param {object} place of `geometry`
 * @param {{color: string, backgroundColor: string}} look the page's colours
 */
export function picture({ axes, strands, brushes, heat }, place, look) {
  const lines = element("g", { fill: "none", "aria-hidden": "true", "data-strands": "" });
  lines.append(...strands.map((strand) => line(strand, place, look)));
  const scales = axes.map((axis, index) => scale(axis, index, { place, look, last: index === axes.length - 1, heat }));
  const handles = axes.flatMap((axis, index) => brush(axis, index, { place, look, range: brushes.get(index) }));
  return [lines, ...scales, ...handles];
}

function line({ places, colour, inside, chosen, words }, { x, y }, look) {
  const path = places.map((at, index) => `${index ? "L" : "M"}${x(index).toFixed(1)} ${y(at).toFixed(1)}`).join("");
  const drawn = element("path", {
    d: path, stroke: colour ?? look.color, "stroke-width": chosen ? 4 : 1.75, "stroke-linejoin": "round",
    "stroke-opacity": inside ? 0.9 : 0.07, "data-inside": inside, "data-lost": colour === null,
    ...(colour === null ? { "stroke-dasharray": "5 4" } : {}),
  });
  const title = element("title");
  title.textContent = words;
  drawn.append(title);
  return drawn;
}

function scale(axis, index, { place: { x, y }, look, last, heat }) {
  const group = element("g", { fill: look.color, "aria-hidden": "true" });
  const side = last ? { x: x(index) + 12, "text-anchor": "start" } : { x: x(index) - 9, "text-anchor": "end" };
  const halo = { stroke: look.backgroundColor, "stroke-width": 4, "stroke-linejoin": "round", "paint-order": "stroke" };
  group.append(element("line", { x1: x(index), x2: x(index), y1: y(0), y2: y(1), stroke: look.color }));
  if (last) group.append(...key(axis, x(index), { y, heat }));
  const marks = axis.optional ? [...axis.ticks, { at: null, words: "not set" }] : axis.ticks;
  for (const { at, words } of marks) group.append(text(words, { ...side, ...halo, y: y(at) + 4 }));
  group.append(text(axis.title, { x: x(index), y: SPACE.top - 22, "text-anchor": "middle", "font-weight": 600 }));
  return group;
}

/** The colours along the axis of the loss. */
function key(axis, x, { y, heat }) {
  const height = y(0) - y(1 / CELLS) + 0.5; // over the next one's edge, or seams would show
  return Array.from({ length: CELLS }, (_, cell) => [(cell + 1) / CELLS, axis.value((cell + 0.5) / CELLS)])
    .filter(([, value]) => value !== null)
    .map(([at, value]) => element("rect", { x: x - 3, y: y(at), width: 6, height, fill: heat.colour(value) }));
}

/** The band of an axis that is let through, with a handle at either end. */
function brush(axis, index, { place: { x, y }, look, range }) {
  const [low, high] = range ?? [0, 1];
  const hit = element("rect", {
    x: x(index) - 14, width: 28, y: y(1) - 10, height: y(0) - y(1) + 20, fill: "transparent", "data-axis": index,
  });
  const band = element("rect", {
    x: x(index) - 7, width: 14, y: y(high), height: y(low) - y(high), fill: look.color, "fill-opacity": range ? 0.25 : 0,
    "pointer-events": "none",
  });
  const ends = [[low, "at least", 7], [high, "at most", -7]].map(([at, bound, tip], end) => element("path", {
    d: `M${x(index) - 7} ${y(at) + tip}h14l-7 ${-tip}z`, fill: look.color, "fill-opacity": range ? 1 : 0.45,
    role: "slider", tabindex: 0, "aria-orientation": "vertical", "aria-label": `${axis.title}, ${bound}`,
    "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(100 * at), "aria-valuetext": axis.words(at, end === 0 ? Math.ceil : Math.floor),
    "data-axis": index, "data-end": end,
  }));
  return [hit, band, ...ends];
}

function text(words, attributes) {
  const made = element("text", attributes);
  made.textContent = words;
  return made;
}

function element(name, attributes = {}) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}
