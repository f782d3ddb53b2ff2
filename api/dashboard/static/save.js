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

/** Hand the reader a text file. */
export function saveText(name, text, type = "text/csv") {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
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
  const name = `${document.querySelector("[data-comparison]").dataset.comparison}-${what}`;
  if (format === "csv") {
    saveText(`${name}.csv`, csv(rows));
    return;
  }
  const { clientWidth: width, clientHeight: height } = plot;
  await (await plotly).downloadImage(plot, { format, filename: name, width, height, scale: 2 });
}
