// What happens when the page opens, and what its parts do to one another.

async function open() {
  const cells = new Cells(JSON.parse(await unpacked("data")));
  const table = new Table(cells);
  const pick = (place) => {
    if (place === undefined) return;
    const wanted = Object.fromEntries(["device", "model", "source", "format", "recipe"].map((key) => [key, cells.text(key, place)]));
    table.show({ wanted });
    byId("cells").scrollIntoView();
  };
  new Matrix(cells, pick);
  runPlotly(await unpacked("plotly"));
  if (!cells.count) return;
  const plots = new Plots(cells, pick);
  const operators = byId("profile-cell") ? new Operators(cells, plots) : null;
  connect(cells, table, plots, operators);
}

function connect(cells, table, plots, operators) {
  for (const button of document.querySelectorAll("button.show")) {
    button.addEventListener("click", () => {
      const { group, model, device } = button.dataset;
      if (group === undefined) {
        plots.choose(model, device);
        operators?.choices();
      }
      else table.show({ places: cells.group(group), label: group.replace("-", " ") });
      byId(group === undefined ? "tradeoff-title" : "cells").scrollIntoView();
    });
  }
  for (const [event, printing] of [["beforeprint", true], ["afterprint", false]]) {
    window.addEventListener(event, () => {
      plots.print(printing);
      table.print(printing);
    });
  }
  document.documentElement.dataset.ready = "yes";
}

open().catch((error) => {
  byId("trouble").hidden = false;
  byId("trouble").textContent = `The plots and tables could not be shown (${error.message}). A browser of 2023 or newer can; the same figures are in report.md and results.csv beside this page.`;
});
