// The operators of one profiled variant: all of them, sorted by any column; the fallbacks are marked.

class Operators {
  constructor(cells, plots) {
    this.cells = cells;
    this.plots = plots;
    this.found = cells.data.profiles;
    this.select = byId("profile-cell");
    this.order = { column: 6, down: true };
    this.select.addEventListener("change", () => this.fill());
    for (const id of ["model", "device"]) byId(id).addEventListener("change", () => this.choices());
    this.choices();
  }

  // Those of the model and device chosen above the trade-off.
  choices() {
    const places = this.cells.where({ model: byId("model").value, device: byId("device").value }).filter((place) => this.found.operators[place]);
    const options = places.map((place) => element("option", this.plots.name(place), { value: place }));
    this.select.replaceChildren(...options);
    this.select.disabled = !places.length;
    this.fill();
  }

  fill() {
    const rows = this.found.operators[this.select.value];
    const facts = this.found.facts[this.select.value];
    const left = this.found.left ? `${this.found.left} more profiles are in results.json.` : "";
    byId("operators-note").textContent = facts
      ? [`${facts.method}, ${facts.runs} runs.`, ...facts.notes, facts.shares ? "Shares alone." : "", left].filter(Boolean).join(" ")
      : "None was profiled.";
    this.head(facts ? facts.unit : "µs", Boolean(rows));
    const { column, down } = this.order;
    const value = (row) => (row[column] === null ? -Infinity : row[column]);
    const sorted = [...(rows ?? [])].sort((a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0) * (down ? -1 : 1));
    document.querySelector("#operators tbody").replaceChildren(...sorted.map((row) => this.row(row)));
  }

  head(unit, any) {
    const row = element("tr");
    const titles = this.found.header.map((title) => (title === "value" || title === "spread" ? `${title} (${unit})` : title === "share" ? "share (%)" : title === "MACs per" ? `MACs per ${unit === "µs" ? "ns" : "instruction"}` : title));
    for (const [at, title] of any ? titles.entries() : []) {
      const sorted = at === this.order.column ? (this.order.down ? "descending" : "ascending") : "none";
      const cell = element("th", "", { scope: "col", "aria-sort": sorted });
      if (at === 0 || at > 4) cell.className = "number";
      const button = element("button", title, { type: "button" });
      button.addEventListener("click", () => {
        this.order = { column: at, down: at === this.order.column ? !this.order.down : at > 4 };
        this.fill();
        document.querySelectorAll("#operators th button")[at].focus();
      });
      cell.append(button);
      row.append(cell);
    }
    document.querySelector("#operators thead").replaceChildren(row);
  }

  row(values) {
    const row = element("tr");
    if (String(values[2]).endsWith("(fallback)")) row.className = "worst";
    for (const [at, value] of values.entries()) {
      const text = typeof value === "number" ? (at === 0 ? String(value) : significant(value)) : (value ?? "–");
      row.append(element(at === 1 ? "th" : "td", text, at === 1 ? { scope: "row" } : at === 0 || at > 4 ? { class: "number" } : {}));
    }
    return row;
  }
}
