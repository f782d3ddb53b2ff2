// Plotly's own file, loaded once for all plots of a page.

export const CONFIG = { displayModeBar: false, responsive: true, doubleClick: "reset" };
export const NOT_LOADED = "The plot could not be loaded. Reload the page; the tables do not need it.";

let loading = null;

/** Plotly; the promise fails where its file cannot be had. */
export function loadPlotly(url) {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", reject);
    document.head.append(script);
  });
  return loading;
}
