// Files made in the browser from exactly what is shown.

/** Rows as CSV (RFC 4180), the first row being the header. */
export function csv(rows) {
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

function cell(value) {
  if (value === null || value === undefined) return "";
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** What a file of the comparison on this page is called, without its ending. */
export function fileName(what) {
  return `${document.querySelector("[data-comparison]").dataset.comparison}-${what}`;
}

/** Hand the reader a text file. */
export function saveText(name, text, type = "text/csv") {
  saveBlob(name, new Blob([text], { type: `${type};charset=utf-8` }));
}

function saveBlob(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/**
 * Hand the reader what a plot shows, as rows or as a picture.
 *
 * @param {"csv" | "svg" | "png"} format
 * @param {string} what the file's name ends with it
 * @param {{plot: HTMLElement, rows: object[][], plotly: Promise<object>}} of
 */
export async function saveFigure(format, what, { plot, rows, plotly }) {
  const name = fileName(what);
  if (format === "csv") {
    saveText(`${name}.csv`, csv(rows));
    return;
  }
  const { clientWidth: width, clientHeight: height } = plot;
  await (await plotly).downloadImage(plot, { format, filename: name, width, height, scale: 2 });
}

/**
 * Hand the reader an SVG element of the page as a picture.
 *
 * @param {"svg" | "png"} format
 * @param {string} name of the file, without its ending
 * @param {SVGElement} svg whose look is in attributes alone
 */
export async function savePicture(format, name, svg) {
  const copy = svg.cloneNode(true);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.prepend(ground(svg));
  const text = new XMLSerializer().serializeToString(copy);
  if (format === "svg") {
    saveText(`${name}.svg`, text, "image/svg+xml");
    return;
  }
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2 * image.width, 2 * image.height];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => saveBlob(`${name}.png`, blob));
}

/** What lies under a picture on the page, where its own style says so, and not in the picture. */
function ground(svg) {
  const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  rect.setAttribute("width", "100%");
  rect.setAttribute("height", "100%");
  rect.setAttribute("fill", getComputedStyle(svg).backgroundColor);
  return rect;
}
