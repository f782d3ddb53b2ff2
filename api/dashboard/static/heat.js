// Losses as colours, blue the lowest, and the key to them; drawn as shapes, because the colour bar that
// plotly has writes style attributes, which the policy forbids.

import { loss } from "./format.js";

const STOPS = [[20, 103, 179], [53, 160, 168], [163, 192, 90], [240, 207, 101]];
const CELLS = 40;
const TICKS = 4;

/** What losses are measured along: their logarithms where all of them are positive. */
export class Heat {
  /** @param {number[]} losses finite ones */
  constructor(losses) {
    this.positive = losses.every((value) => value > 0);
    const places = losses.map((value) => this.#place(value));
    this.low = Math.min(...places);
    this.high = Math.max(...places);
  }

  #place(value) {
    return this.positive ? Math.log10(value) : value;
  }

  /** A loss's colour. */
  colour(value) {
    const width = this.high - this.low;
    return mixed(width > 0 ? (this.#place(value) - this.low) / width : 0);
  }

  /** The key, to the right of the plot: shapes and annotations of a plotly layout. */
  key(ink) {
    if (!(this.high > this.low)) return {};
    const shapes = Array.from({ length: CELLS }, (_, cell) => ({
      type: "rect", xref: "paper", yref: "paper", x0: 1.02, x1: 1.03, line: { width: 0 },
      y0: cell / CELLS, y1: Math.min((cell + 1.5) / CELLS, 1), // over the next one's edge, or seams would show
      fillcolor: mixed((cell + 0.5) / CELLS),
    }));
    const annotations = Array.from({ length: TICKS }, (_, tick) => {
      const share = tick / (TICKS - 1);
      const at = this.low + share * (this.high - this.low);
      return {
        xref: "paper", yref: "paper", x: 1.035, y: share, xanchor: "left", yanchor: "middle", showarrow: false,
        text: loss(this.positive ? 10 ** at : at), font: { size: 12, color: ink },
      };
    });
    return { shapes, annotations };
  }
}

/** The colour at a share from 0, the lowest, to 1. */
function mixed(share) {
  const at = share * (STOPS.length - 1);
  const first = Math.min(Math.floor(at), STOPS.length - 2);
  const parts = STOPS[first].map((part, index) => Math.round(part + (at - first) * (STOPS[first + 1][index] - part)));
  return `rgb(${parts.join(", ")})`;
}
