// The heat map: a row for each model, source, device and thread count, a column for each format and recipe. Colours
// compare within a row alone, so that no emulated figure and no other model's ever stands beside a real one.

const MATRIX_ROWS = 200;
const HEAT = [230, 159, 0];
const DEEPEST = 0.5;

// What the matrix can show: what decides, then every column that says how it is coloured. `value` null: nothing to
// compare; `text` is what the cell says; `log`: colour by ratio, else by difference; `better`: "higher" where more is
// better.
function figures(cells) {
  const decides = {
    name: "p50, or million instructions",
    value: (place) => (cells.emulated(place) ? millions(cells.number("instructions", place)) : cells.verdict(place).ranked ? cells.number("latency", place) : null),
    text: (place, value) => (value === null ? (cells.verdict(place).ranked ? "–" : cells.text("verdict", place)) : cells.emulated(place) ? `${significant(value)} M` : duration(value)),
    log: true,
  };
  return [decides, ...cells.columns.filter(({ heat }) => heat).map(({ key, header, heat, better }) => ({
    name: header,
    log: heat === "ratio",
    value: (place) => (heat === "text" ? null : cells.number(key, place)),
    text: better || heat === "text" ? (place) => cells.text(key, place) : undefined,
    better: (place) => cells.better(key, place),
  }))];
}
const millions = (count) => (count === null ? null : count / 1e6);

class Matrix {
  constructor(cells, onPick) {
    this.cells = cells;
    this.onPick = onPick;
    this.twins = this.modelsOfSeveralSources();
    this.figures = figures(cells);
    this.figures.forEach((figure, at) => byId("figure").append(element("option", figure.name, { value: at })));
    for (const id of ["figure", "matrix-model"]) byId(id).addEventListener("change", () => this.draw());
    this.draw();
  }

  modelsOfSeveralSources() {
    const { model, source } = this.cells.byKey;
    const pairs = new Set(this.cells.all.map((place) => model.at[place] * source.texts.length + source.at[place]));
    const seen = new Set();
    const twins = new Set();
    for (const pair of pairs) {
      const name = model.texts[Math.floor(pair / source.texts.length)];
      if (seen.has(name)) twins.add(name);
      seen.add(name);
    }
    return twins;
  }

  draw() {
    const chosen = byId("matrix-model").value;
    const places = chosen ? this.cells.where({ model: chosen.slice(1) }) : this.cells.all;
    const columns = this.headers(places);
    const rows = new Map();
    for (const place of places) {
      const told = ["model", "source", "device", "threads"].map((name) => this.cells.text(name, place));
      const key = JSON.stringify([...told, this.cells.setup(place)]);
      if (!rows.has(key)) rows.set(key, new Map());
      rows.get(key).set(this.column(place), place);
    }
    const shown = [...rows].slice(0, MATRIX_ROWS);
    const body = element("tbody");
    for (const [key, found] of shown) body.append(this.row(JSON.parse(key), found, columns));
    byId("matrix").replaceChildren(this.head(columns), body);
    byId("matrix-note").textContent = rows.size > shown.length
      ? `${shown.length} of ${rows.size.toLocaleString("en-US")} rows are shown: choose a model.` : "";
  }

  column(place) {
    return JSON.stringify([this.cells.text("format", place), this.cells.text("recipe", place)]);
  }

  headers(places) {
    const order = this.cells.data.order;
    const rank = (known, name) => (known.includes(name) ? known.indexOf(name) : known.length);
    return [...new Set(places.map((place) => this.column(place)))].map((key) => [key, ...JSON.parse(key)]).sort((a, b) =>
      rank(order.format, a[1]) - rank(order.format, b[1]) || rank(order.recipe, a[2]) - rank(order.recipe, b[2]));
  }

  head(columns) {
    const formats = element("tr");
    const recipes = element("tr");
    formats.append(element("td", "", { rowspan: "2" }));
    for (const format of new Set(columns.map((column) => column[1]))) {
      const own = columns.filter((column) => column[1] === format);
      formats.append(element("th", format, { scope: "colgroup", colspan: own.length }));
      for (const column of own) recipes.append(element("th", column[2], { scope: "col" }));
    }
    const head = element("thead");
    head.append(formats, recipes);
    return head;
  }

  row([model, source, device, threads, setup], found, columns) {
    const figure = this.figures[Number(byId("figure").value)];
    const row = element("tr");
    const name = element("th", model, { scope: "row" });
    const details = `${this.twins.has(model) ? `from ${source} ` : ""}on ${device}${threads === "1" ? "" : `, ${threads} threads`}${setup ? `, ${setup}` : ""}`;
    name.append(element("span", ` ${details}`, { class: "quiet" }));
    row.append(name);
    const values = [...found.values()].map((place) => this.value(figure, place)).filter((value) => value !== null);
    for (const [key] of columns) row.append(this.box(figure, found.get(key), values));
    return row;
  }

  value(figure, place) {
    if (this.cells.text("status", place) !== "ok" || !this.cells.verdict(place).sound) return null;
    return figure.value(place);
  }

  box(figure, place, values) {
    const box = element("td");
    if (place === undefined) return box;
    const status = this.cells.text("status", place);
    const value = this.value(figure, place);
    const wrong = this.cells.verdict(place).sound ? "" : this.cells.text("verdict", place);
    const text = status !== "ok" ? status : wrong || (figure.text ? figure.text(place, value) : significant(value));
    const button = element("button", text, { type: "button", title: `${this.cells.data.ids[place]}${this.note(place)}` });
    button.addEventListener("click", () => this.onPick(place));
    box.append(button);
    if (status !== "ok" || wrong) box.className = wrong ? "failed" : status;
    else if (value !== null) this.colour(box, figure, place, values);
    return box;
  }

  note(place) {
    const note = this.cells.text("note", place);
    return note ? `: ${note}` : "";
  }

  colour(box, figure, place, values) {
    const value = this.value(figure, place);
    const scale = figure.log ? (number) => Math.log(Math.max(number, 1e-12)) : (number) => number;
    const [low, high] = [Math.min(...values), Math.max(...values)].map(scale);
    const up = high > low ? (scale(value) - low) / (high - low) : 0;
    const worse = figure.better?.(place) === "higher" && high > low ? 1 - up : up;
    box.style.backgroundColor = `rgba(${HEAT.join(", ")}, ${(DEEPEST * worse).toFixed(3)})`;
    if (values.length > 1 && worse === 0) box.className = "best";
  }
}
