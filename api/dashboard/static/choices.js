// What the reader chose to see of curves and map, kept in the page's address.

const ALLOWED = {
  runs: ["finals", "tuning"],
  x: ["epoch", "seconds"],
  split: ["train", "validation", "test"],
  measure: ["loss", "accuracy"],
  xlog: ["0", "1"],
  ylog: ["0", "1"],
};
const DEFAULTS = {
  runs: "", x: "epoch", split: "", measure: "loss", xlog: "0", ylog: "1", problem: "", hide: "",
  map: "", mapx: "", mapy: "",
};

/** The choices as the address has them; `runs` and `split` are empty where the page should decide. */
export function readChoices() {
  const query = new URLSearchParams(location.search);
  const choices = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS)) {
    const value = query.get(name);
    if (value !== null && (!ALLOWED[name] || ALLOWED[name].includes(value))) choices[name] = value;
  }
  return choices;
}

/** Write the choices into the address, those at their default left out. */
export function writeChoices(choices) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(choices)) {
    if (value === DEFAULTS[name]) query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
}

/** Contenders that the reader hid. */
export function hidden(choices) {
  return new Set(choices.hide.split(",").filter(Boolean));
}
