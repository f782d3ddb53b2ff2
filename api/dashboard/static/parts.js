// Parts of a page that the server renders again, swapped in only where they changed.

const shown = new Map();

/** Remember what the page was loaded with, so that the first update swaps nothing in vain. */
export function rememberParts() {
  for (const part of document.querySelectorAll("[data-part]")) {
    shown.set(part.dataset.part, normal(part));
  }
}

/** Put every part of a fetched document in its place. */
export function swapParts(fetched) {
  for (const part of fetched.querySelectorAll("[data-part]")) {
    const name = part.dataset.part;
    const words = normal(part);
    const old = document.querySelector(`[data-part="${name}"]`);
    if (!old || shown.get(name) === words) continue;
    shown.set(name, words);
    replace(old, document.adoptNode(part));
  }
}

/** A part's HTML without the ages in it, which the page keeps itself. */
function normal(part) {
  const copy = part.cloneNode(true);
  for (const time of copy.querySelectorAll("time[data-since]")) time.textContent = "";
  return copy.outerHTML;
}

function replace(old, fresh) {
  const held = old.contains(document.activeElement) ? pathOf(document.activeElement, old) : null;
  const scrolled = [...old.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
  old.replaceWith(fresh);
  fresh.querySelectorAll(".scroll").forEach((box, index) => {
    box.scrollLeft = scrolled[index] ?? 0;
  });
  if (held) held.reduce((node, index) => node?.children[index], fresh)?.focus({ preventScroll: true });
}

function pathOf(element, root) {
  const path = [];
  for (let node = element; node !== root; node = node.parentElement) {
    path.unshift([...node.parentElement.children].indexOf(node));
  }
  return path;
}
