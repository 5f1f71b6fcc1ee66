// The page's data, unpacked: columns by key, and what belongs to a cell by its place.

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined && text !== "") made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

class Cells {
  constructor(data) {
    this.data = data;
    this.count = data.ids.length;
    this.columns = data.columns;
    this.byKey = Object.fromEntries(data.columns.map((column) => [column.key, column]));
    this.all = [...Array(this.count).keys()];
  }

  text(key, place) {
    const column = this.byKey[key];
    return column.texts[column.at[place]];
  }

  // What the cell is ordered by in this column, or null where it has no place in the order.
  number(key, place) {
    return this.byKey[key].sort[place];
  }

  why(column, place) {
    return column.why ? column.why.texts[column.why.at[place]] : "";
  }

  // "higher" or "lower", "" where the column does not say or the cell has no figure.
  better(key, place) {
    const { better } = this.byKey[key];
    return better ? better.texts[better.at[place]] : "";
  }

  // What follows from the cell's verdict: does a figure of it count (sound), is its latency ranked? A cell without one,
  // as one that did not run, is neither accused nor left out.
  verdict(place) {
    return this.data.verdicts[this.text("verdict", place)] ?? { sound: true, ranked: true };
  }

  emulated(place) {
    return this.data.emulated[place] === 1;
  }

  where(wanted) {
    const tests = Object.entries(wanted).map(([key, text]) => [this.byKey[key].at, this.byKey[key].texts.indexOf(text)]);
    return this.all.filter((place) => tests.every(([at, found]) => at[place] === found));
  }

  // Places of a group, from its runs: start, length, start, length, …
  group(key) {
    const runs = this.data.groups[key];
    const places = [];
    for (let at = 0; at < runs.length; at += 2) {
      for (let step = 0; step < runs[at + 1]; step += 1) places.push(runs[at] + step);
    }
    return places;
  }

  // How the cell was placed beside its device and threads; "" for the default.
  setup(place) {
    return this.byKey.setup ? this.text("setup", place) : "";
  }

  variant(place, withSource) {
    const threads = this.text("threads", place);
    const source = withSource ? `${this.text("source", place)} → ` : "";
    const further = [threads === "1" ? "" : `${threads} threads`, this.setup(place)].filter(Boolean);
    return [`${source}${this.text("format", place)} ${this.text("recipe", place)}`, ...further].join(", ");
  }
}

// Numbers as the rest of the page has them: three significant digits, thousands apart.
function significant(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const exponent = Math.floor(Math.log10(Math.abs(Number(value.toPrecision(digits)))));
  if (exponent < -4) return value.toExponential(digits - 1);
  return Number(value.toPrecision(digits)).toLocaleString("en-US", {
    minimumFractionDigits: Math.max(0, digits - 1 - exponent),
    maximumFractionDigits: Math.max(0, digits - 1 - exponent),
  });
}

// A time with its unit, as figures/numbers.py writes it.
function duration(milliseconds, write = significant) {
  if (milliseconds === null || milliseconds === undefined) return "–";
  return milliseconds > 0 && milliseconds < 0.1 ? `${write(milliseconds * 1e3)} µs` : `${write(milliseconds)} ms`;
}

// Plotly reads HTML in names, labels and hover texts.
const escaped = (text) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
