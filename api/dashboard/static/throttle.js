// Work that many events ask for, done at most once in a while and never twice at a time.

/** A function that runs `work` soon, at most every `pause` milliseconds, and after the last call. */
export function throttled(work, pause) {
  let timer = null;
  let busy = false;
  let again = false;
  let last = -Infinity;

  async function run() {
    timer = null;
    busy = true;
    last = performance.now();
    try {
      await work();
    } finally {
      busy = false;
      if (again) ask();
    }
  }

  function ask() {
    if (busy) {
      again = true;
      return;
    }
    again = false;
    timer ??= setTimeout(run, Math.max(0, last + pause - performance.now()));
  }

  return ask;
}
