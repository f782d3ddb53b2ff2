// The comparison's server-sent events, with reconnecting.

const LONGEST_PAUSE = 30_000;
const GRACE = 4000;

/**
 * Listen until stopped. The browser reconnects a broken stream by itself and asks for what it
 * missed; where it gave up (the service refused), this opens a new one after a growing pause.
 * `onLost` runs only when the stream stays away for some seconds: the service ends it now and then.
 *
 * @param {string} url
 * @param {{onOpen: () => void, onChange: (event: object) => void, onPoints: (event: object) => void,
 *   onLost: () => void}} on
 * @returns {() => void} stops listening
 */
export function listen(url, on) {
  let source = null;
  let pause = 1000;
  let timer = null;
  let lost = null;

  function open() {
    source = new EventSource(url);
    source.addEventListener("open", () => {
      pause = 1000;
      clearTimeout(lost);
      lost = null;
      on.onOpen();
    });
    source.addEventListener("change", (event) => on.onChange(JSON.parse(event.data)));
    source.addEventListener("points", (event) => on.onPoints(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      lost ??= setTimeout(on.onLost, GRACE);
      if (source.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(open, pause);
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    });
  }

  open();
  return () => {
    clearTimeout(timer);
    clearTimeout(lost);
    source.close();
  };
}
