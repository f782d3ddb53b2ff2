// Figures and times as a person reads them: the rules of service/contracts/numbers.py.

export const DASH = "–";

const [SMALLEST, LARGEST] = [-3, 9];

/** A number with so many significant digits: "60.0", "0.410", "1,240", "3.20e-5". */
export function number(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return DASH;
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  if (value === 0) return "0";
  const [mantissa, power] = value.toExponential(digits - 1).split("e");
  const exponent = Number(power);
  if (exponent < SMALLEST || exponent > LARGEST) return `${mantissa}e${exponent}`;
  const decimals = Math.max(0, digits - 1 - exponent);
  const rounded = Number(value.toExponential(Math.max(digits - 1, exponent)));
  return rounded.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** A loss with three significant digits, and a fourth where it is no zero: "196.8", "60.0". */
export function loss(value) {
  if (!Number.isFinite(value) || value === 0) return number(value);
  return number(value, value.toExponential(3).split("e")[0].endsWith("0") ? 3 : 4);
}

/** A share in percent, whose sign stands elsewhere: "98.35". */
export function percent(value) {
  return Number.isFinite(value) ? (100 * value).toFixed(2) : number(value);
}

/** An interval: "0.37–0.46", "at most 0.46", or nothing where it has no bound. */
export function span(low, high, write = number) {
  const [open, closed] = [low ?? null, high ?? null];
  if (open === null) return closed === null ? "" : `at most ${write(closed)}`;
  return closed === null ? `at least ${write(open)}` : `${write(open)}${DASH}${write(closed)}`;
}

/** A setting's value, numbers with up to four digits: "0.0032", "true", "0.9, 0.999". */
export function setting(value) {
  if (Array.isArray(value)) return value.map(short).join(", ");
  return typeof value === "number" ? short(value) : String(value);
}

/** Settings in one line, by name: "damping 0.3, lr 0.12". */
export function settings(values) {
  if (!values) return DASH;
  const names = Object.keys(values).sort();
  return names.map((name) => `${name} ${setting(values[name])}`).join(", ") || "fixed";
}

/** Seconds in the largest unit that fits: "12 s", "3 min", "2 h", "5 d". */
export function age(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (whole >= size) return `${Math.floor(whole / size)} ${unit}`;
  }
  return `${whole} s`;
}

/** "1 seed", "1,200 seeds". */
export function counted(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

function short(value) {
  const [mantissa, exponent] = number(value, 4).replaceAll(",", "").split("e");
  const plain = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return exponent === undefined ? plain : `${plain}e${exponent}`;
}
