async function open() {
  const figures = JSON.parse(await unpacked("data"));
  if (!figures.length) return;
  runPlotly(await unpacked("plotly"));
  const rows = [...document.querySelectorAll("#trends tbody tr")];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let chosen = 0;
  let printing = false;

  function draw() {
    const light = printing || !dark.matches;
    const lines = light ? "#d0d7de" : "#333b44";
    const text = light ? "#1b1f24" : "#e6edf3";
    const axis = { gridcolor: lines, zerolinecolor: lines, linecolor: lines, tickcolor: lines };
    const { data, layout } = figures[chosen];
    Plotly.react("trend", data, {
      ...layout,
      xaxis: { ...layout.xaxis, ...axis },
      yaxis: { ...layout.yaxis, ...axis },
      font: { family: "system-ui, sans-serif", size: 12, color: text },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: light ? "#ffffff" : "#181d23", bordercolor: lines, font: { color: text } },
    }, { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"] });
    rows.forEach((row, at) => (at === chosen ? row.setAttribute("aria-current", "true") : row.removeAttribute("aria-current")));
    document.getElementById("chosen").textContent = rows[chosen].cells[0].textContent;
  }

  rows.forEach((row, at) => row.querySelector("button").addEventListener("click", () => {
    chosen = at;
    draw();
    document.getElementById("over-time").scrollIntoView();
  }));
  dark.addEventListener("change", draw);
  window.addEventListener("beforeprint", () => { printing = true; draw(); });
  window.addEventListener("afterprint", () => { printing = false; draw(); });
  draw();
}

open();
