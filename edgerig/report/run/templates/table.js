// The table of all cells: sorted and filtered over the whole, shown a page at a time. A header button sorts up, then
// down, then back to the planned order; what has no value stays last either way.

const PAGE_ROWS = 100;
const PRINTED_ROWS = 1000;

class Table {
  constructor(cells) {
    this.cells = cells;
    this.order = { column: null, step: "none" };
    this.picked = null;
    this.page = 0;
    this.matching = cells.all;
    this.filters = [...document.querySelectorAll("select[data-filter]")];
    this.menu();
    this.choose((column) => column.usual);
    this.choices();
    byId("find").addEventListener("input", () => this.update());
    for (const select of this.filters) select.addEventListener("change", () => this.update());
    byId("clear").addEventListener("click", () => this.show({}));
    byId("previous").addEventListener("click", () => this.turn(-1));
    byId("next").addEventListener("click", () => this.turn(1));
    this.update();
  }

  // A box for each column: which are shown is the reader's to say.
  menu() {
    this.boxes = this.cells.columns.map((column) => {
      const box = element("input", "", { type: "checkbox", value: column.key });
      const label = element("label");
      label.append(box, ` ${column.header}`);
      byId("columns").append(label);
      box.addEventListener("change", () => this.columnsChosen());
      return box;
    });
    byId("usual-columns").addEventListener("click", () => this.choose((column) => column.usual));
    byId("all-columns").addEventListener("click", () => this.choose(() => true));
  }

  choose(wanted) {
    this.cells.columns.forEach((column, at) => { this.boxes[at].checked = wanted(column); });
    this.columnsChosen();
  }

  columnsChosen() {
    this.columns = this.cells.columns.filter((_, at) => this.boxes[at].checked);
    if (!this.columns.includes(this.order.column)) this.order = { column: null, step: "none" };
    this.header();
    this.update();
  }

  header() {
    const row = element("tr");
    for (const column of this.columns) {
      const sorted = column === this.order.column ? this.order.step : "none";
      const cell = element("th", "", { scope: "col", "aria-sort": sorted });
      if (column.numeric) cell.className = "number";
      const button = element("button", column.header, { type: "button" });
      button.addEventListener("click", () => this.sort(column, cell));
      cell.append(button);
      row.append(cell);
    }
    document.querySelector("#table thead").replaceChildren(row);
  }

  choices() {
    for (const select of this.filters) {
      const column = this.cells.byKey[select.dataset.filter];
      column.texts.forEach((text, at) => select.append(element("option", text, { value: at })));
      select.parentElement.hidden = column.texts.length < 2;
    }
  }

  sort(column, cell) {
    const next = { none: "ascending", ascending: "descending", descending: "none" };
    const step = next[cell.getAttribute("aria-sort")];
    for (const other of cell.parentElement.cells) other.setAttribute("aria-sort", "none");
    cell.setAttribute("aria-sort", step);
    this.order = { column, step };
    this.update();
  }

  // Shows these cells alone: `places` (told as `label`), or those whose columns have the texts of `wanted`.
  show({ places = null, label = "", wanted = {} }) {
    this.picked = places === null ? null : { places: new Set(places), label };
    byId("find").value = "";
    for (const select of this.filters) {
      const text = wanted[select.dataset.filter];
      select.value = text === undefined ? "" : String(this.cells.byKey[select.dataset.filter].texts.indexOf(text));
    }
    this.update();
  }

  words(place) {
    this.haystack ??= this.cells.all.map((at) => {
      const texts = this.cells.columns.map((column) => column.texts[column.at[at]]);
      return `${this.cells.data.ids[at]} ${texts.join(" ")}`.toLowerCase();
    });
    return this.haystack[place];
  }

  update() {
    const words = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = this.filters
      .filter((select) => select.value !== "")
      .map((select) => [this.cells.byKey[select.dataset.filter].at, Number(select.value)]);
    this.matching = this.cells.all.filter((place) =>
      (this.picked === null || this.picked.places.has(place))
      && chosen.every(([at, wanted]) => at[place] === wanted)
      && words.every((word) => this.words(place).includes(word)));
    this.arrange();
    this.page = 0;
    this.draw();
  }

  arrange() {
    const { column, step } = this.order;
    if (step === "none") return;
    const rank = column.sort ? null : textRanks(column.texts);
    const key = (place) => (rank ? rank[column.at[place]] : column.sort[place]);
    const known = this.matching.filter((place) => key(place) !== null);
    const unknown = this.matching.filter((place) => key(place) === null);
    const sign = step === "ascending" ? 1 : -1;
    this.matching = [...known.sort((a, b) => sign * (key(a) - key(b)) || a - b), ...unknown];
  }

  turn(step) {
    this.page += step;
    this.draw();
    document.querySelector("#table").parentElement.scrollTop = 0;
  }

  draw(rows = PAGE_ROWS) {
    const pages = Math.max(1, Math.ceil(this.matching.length / PAGE_ROWS));
    const begin = this.page * PAGE_ROWS;
    const shown = this.matching.slice(begin, begin + rows);
    document.querySelector("#table tbody").replaceChildren(...shown.map((place) => this.row(place)));
    const all = `${this.cells.count.toLocaleString("en-US")} ${this.cells.count === 1 ? "cell" : "cells"}`;
    const some = this.matching.length === this.cells.count ? all : `${this.matching.length.toLocaleString("en-US")} of ${all}`;
    byId("shown").textContent = this.picked ? `${some} (${this.picked.label})` : some;
    byId("page").textContent = `Page ${this.page + 1} of ${pages}`;
    byId("previous").disabled = this.page === 0;
    byId("next").disabled = this.page >= pages - 1;
    byId("previous").parentElement.hidden = pages === 1;
  }

  row(place) {
    const row = element("tr", "", { class: this.cells.text("status", place), "data-id": this.cells.data.ids[place] });
    for (const column of this.columns) {
      const cell = element("td", column.texts[column.at[place]]);
      const why = this.cells.why(column, place);
      if (why) cell.title = why;
      if (column.numeric) cell.className = "number";
      if (column.key === "note") cell.className = "note";
      row.append(cell);
    }
    return row;
  }

  // Paper has no next page to turn to.
  print(printing) {
    if (printing) this.page = 0;
    this.draw(printing ? PRINTED_ROWS : PAGE_ROWS);
    const left = this.matching.length - PRINTED_ROWS;
    byId("print-note").textContent = left > 0 ? `${left.toLocaleString("en-US")} more cells are in results.csv.` : "";
  }
}

// The place of each text in alphabetical order; an empty one has none.
function textRanks(texts) {
  const sorted = [...texts].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const ranks = new Map(sorted.map((text, rank) => [text, rank]));
  return texts.map((text) => (text === "" ? null : ranks.get(text)));
}
