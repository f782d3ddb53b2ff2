// Words that change on a page, and the few that a screen reader is told of.

/** Put words in an element, if they are not there already. */
export function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

/** Tell a reader who does not look at the page; for trouble, recovery, the verdict and answers. */
export function announce(words) {
  write(document.querySelector("[data-announcement]"), words);
}
