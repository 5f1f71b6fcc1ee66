"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const byId = (id) => document.getElementById(id);

  // Plots. Each is drawn in the colours of the page's theme, and in the light ones for paper.
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 40rem)");
  let printing = false;

  function themed(layout) {
    const light = printing || !dark.matches;
    const text = light ? "#1b1f24" : "#e6edf3";
    const lines = light ? "#d0d7de" : "#333b44";
    const axis = { gridcolor: lines, zerolinecolor: lines, linecolor: lines, tickcolor: lines };
    return {
      ...layout,
      xaxis: { ...layout.xaxis, ...axis, fixedrange: narrow.matches },
      yaxis: { ...layout.yaxis, ...axis, fixedrange: narrow.matches },
      font: { family: "system-ui, sans-serif", size: narrow.matches ? 11 : 13, color: text },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: light ? "#ffffff" : "#181d23", bordercolor: lines, font: { color: text } },
    };
  }

  function draw(id, figure) {
    const place = byId(id);
    place.hidden = figure === null;
    if (place.hidden) return;
    const options = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"] };
    Plotly.react(place, figure.data, themed(figure.layout), options);
  }

  function drawAll() {
    const model = Number(byId("model").value);
    const device = Number(byId("device").value);
    if (!figures.tradeoff.length) return;
    const tradeoff = figures.tradeoff[model][device];
    draw("tradeoff", tradeoff.figure);
    byId("tradeoff-note").textContent = tradeoff.note;
    draw("size", figures.size[model]);
    byId("size-note").textContent = figures.size[model] === null ? "Nothing was built." : "";
  }

  for (const id of ["model", "device"]) byId(id).addEventListener("change", drawAll);
  for (const query of [dark, narrow]) query.addEventListener("change", drawAll);
  window.addEventListener("beforeprint", () => { printing = true; drawAll(); });
  window.addEventListener("afterprint", () => { printing = false; drawAll(); });
  drawAll();

  // The table: a header button sorts up, then down, then back to the planned order. What has no value stays last.
  const table = byId("table");
  const body = table.tBodies[0];
  const planned = [...body.rows];
  const headers = [...table.tHead.rows[0].cells];

  function compare(a, b) {
    const numbers = [Number(a), Number(b)];
    return numbers.some(Number.isNaN) ? a.localeCompare(b) : numbers[0] - numbers[1];
  }

  function sortBy(index) {
    const next = { none: "ascending", ascending: "descending", descending: "none" };
    const order = next[headers[index].getAttribute("aria-sort")];
    headers.forEach((header, at) => header.setAttribute("aria-sort", at === index ? order : "none"));
    if (order === "none") {
      body.append(...planned);
      return;
    }
    const key = (row) => row.cells[index].dataset.sort;
    const known = planned.filter((row) => key(row) !== undefined);
    const unknown = planned.filter((row) => key(row) === undefined);
    const sign = order === "ascending" ? 1 : -1;
    known.sort((a, b) => sign * compare(key(a), key(b)));
    body.append(...known, ...unknown);
  }

  headers.forEach((header, index) => header.querySelector("button").addEventListener("click", () => sortBy(index)));

  const find = byId("find");
  const filters = [...document.querySelectorAll("select[data-filter]")];

  const everything = byId("shown").textContent;

  function filter() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of planned) {
      const text = `${row.dataset.id} ${row.textContent}`.toLowerCase();
      const matches = words.every((word) => text.includes(word))
        && filters.every((select) => !select.value || `=${row.dataset[select.dataset.filter]}` === select.value);
      row.hidden = !matches;
      shown += matches ? 1 : 0;
    }
    byId("shown").textContent = shown === planned.length ? everything : `${shown} of ${everything}`;
  }

  find.addEventListener("input", filter);
  for (const select of filters) select.addEventListener("change", filter);
})();
