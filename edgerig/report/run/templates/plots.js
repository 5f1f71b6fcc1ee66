// The plots of one model on one device, in the colours of the page's theme, and in the light ones for paper.

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const narrow = window.matchMedia("(max-width: 40rem)");
const VARIANTS = 40;
const MANY = 1500;
const LARGEST_PX = 34;
const LEAST_STEP = 2; // per mille of the median
const MANTISSAS = [[1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8], [1, 2, 3, 4, 5, 7], [1, 2, 5], [1, 3], [1]];
const MOST_TICKS = 8;

// Round numbers to label a logarithmic axis with: Plotly's own leave a short axis bare, or say "2" for 0.02.
function logAxis(title, values, label = String) {
  const low = Math.min(...values) / 1.3;
  const high = Math.max(...values) * 1.3;
  const decades = [];
  for (let at = Math.floor(Math.log10(low)); at <= Math.ceil(Math.log10(high)); at += 1) decades.push(at);
  const choices = MANTISSAS.map((mantissas) =>
    decades.flatMap((decade) => mantissas.map((mantissa) => Number(`${mantissa}e${decade}`)))
      .filter((tick) => tick >= low && tick <= high));
  const ticks = choices.find((found) => found.length <= MOST_TICKS) ?? choices.at(-1);
  return { title: { text: title }, type: "log", tickvals: ticks, ticktext: ticks.map(label), automargin: true };
}

// Strips one below the other over the same x axis: their y axes into `layout`, and the name of each one's axis.
function strips(layout, titles) {
  const names = titles.map((_, strip) => (strip ? `y${strip + 1}` : "y"));
  layout.xaxis.anchor = names.at(-1);
  titles.forEach((title, strip) => {
    layout[names[strip].replace("y", "yaxis")] = { title: { text: title }, domain: [1 - (strip + 0.85) / titles.length, 1 - strip / titles.length] };
  });
  return names;
}

class Plots {
  constructor(cells, onPick) {
    this.cells = cells;
    this.onPick = onPick;
    this.printing = false;
    for (const id of ["model", "device"]) byId(id).addEventListener("change", () => this.draw());
    for (const query of [dark, narrow]) query.addEventListener("change", () => this.draw());
    this.draw();
  }

  choose(model, device) {
    byId("model").value = model;
    byId("device").value = device;
    this.draw();
  }

  print(printing) {
    this.printing = printing;
    this.draw();
  }

  draw() {
    const [model, device] = [byId("model").value, byId("device").value];
    const places = this.cells.where({ model, device });
    this.withSource = new Set(places.map((place) => this.cells.text("source", place))).size > 1;
    for (const id of ["tradeoff-of", "detail-of"]) byId(id).textContent = `${model} on ${device}`;
    const ran = places.filter((place) => this.cells.text("status", place) === "ok");
    for (const [id, make] of [["tradeoff", tradeoff], ["distribution", distribution], ["delta", delta], ["size", sizes], ["profile", profileBars], ["state", deviceState], ["sustained", sustained], ["drift", drift]]) {
      if (!byId(id)) continue;
      const plot = places.length ? make(this, id === "size" ? places : ran, device) : { note: "Not planned on this device." };
      this.put(id, plot, id === "tradeoff" && places.length > ran.length ? `${places.length - ran.length} that did not run are not shown.` : "");
    }
  }

  put(id, { data, layout, note = "", height }, more) {
    const place = byId(id);
    byId(`${id}-note`).textContent = `${note} ${more}`.trim();
    place.hidden = !data;
    if (!data) {
      Plotly.purge(place);
      delete place.dataset.listening;
      return;
    }
    place.style.height = height ? `${height}px` : "";
    Plotly.react(place, data, this.themed(layout), { responsive: true, displayModeBar: false });
    if (place.dataset.listening) return;
    place.dataset.listening = "yes";
    place.on("plotly_click", ({ points }) => this.onPick(points[0].customdata));
  }

  themed(layout) {
    const light = this.printing || !dark.matches;
    const text = light ? "#1b1f24" : "#e6edf3";
    const lines = light ? "#d0d7de" : "#333b44";
    const axis = { gridcolor: lines, zerolinecolor: lines, linecolor: lines, tickcolor: lines, fixedrange: narrow.matches };
    const legend = { orientation: "h", y: -0.2, yanchor: "top", x: 0, ...layout.legend };
    const axes = Object.keys(layout).filter((key) => /^[xy]axis/.test(key));
    return {
      margin: { l: 8, r: 8, t: 8, b: 8 },
      ...layout,
      legend,
      ...Object.fromEntries([...new Set([...axes, "xaxis", "yaxis"])].map((key) => [key, { automargin: true, ...layout[key], ...axis }])),
      font: { family: "system-ui, sans-serif", size: narrow.matches ? 11 : 13, color: text },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: light ? "#ffffff" : "#181d23", bordercolor: lines, font: { color: text } },
    };
  }

  colour(place) {
    return this.cells.data.colours[this.cells.text("recipe", place)];
  }

  name(place) {
    return this.cells.variant(place, this.withSource);
  }

  hover(place) {
    const cells = this.cells;
    const told = cells.columns
      .filter(({ key, hover }) => hover && cells.text(key, place) !== "–")
      .map(({ key, hover: [label, unit] }) => `${escaped(label)} ${escaped(cells.text(key, place))}${escaped(unit)}`);
    return [`<b>${escaped(this.name(place))}</b>`, ...told].join("<br>");
  }

  // Rows of a plot that has one per variant, best first, with room for their names.
  rows(places, value) {
    const sorted = places.filter((place) => value(place) !== null).sort((a, b) => value(a) - value(b));
    const shown = sorted.slice(0, VARIANTS);
    const layout = {
      yaxis: {
        tickvals: shown.map((_, row) => row), ticktext: shown.map((place) => escaped(this.name(place))),
        range: [shown.length - 0.4, -1], zeroline: false,
      },
      showlegend: false,
      hovermode: "closest",
    };
    const note = sorted.length > shown.length ? `The first ${shown.length} of ${sorted.length} variants.` : "";
    return { shown, layout, note, height: 90 + 30 * shown.length };
  }
}

// Accuracy against latency; instructions or the size in place of an emulator's time, the relative error of a missing
// accuracy. One trace per recipe and format (and source), so that the legend filters.
function tradeoff(plots, ran) {
  const cells = plots.cells;
  const has = (get) => ran.some((place) => get(place) !== null);
  const across = [
    { title: "p50 latency, log scale", get: (place) => (cells.verdict(place).ranked ? cells.number("latency", place) : null), label: (tick) => duration(tick, shortest) },
    { title: "million instructions (emulated: no latency), log scale", get: (place) => millions(cells.number("instructions", place)) },
    { title: "size (kB; emulated or untimed: no latency), log scale", get: (place) => cells.number("size", place) },
  ].find((axis) => has(axis.get));
  const up = [
    { title: "accuracy", get: (place) => cells.number("accuracy", place), accuracy: true },
    { title: "relative error (no accuracy), log scale", get: (place) => cells.number("parity", place) || null },
  ].find((axis) => has(axis.get));
  const placed = across && up ? ran.filter((place) => across.get(place) !== null && up.get(place) !== null) : [];
  if (!placed.length) return { note: "Nothing to plot: no variant that ran has both figures." };
  const groups = new Map();
  for (const place of placed) {
    const name = groupName(plots, place);
    groups.set(name, [...(groups.get(name) ?? []), place]);
  }
  const largest = Math.max(...placed.map((place) => cells.number("size", place) ?? 0)) || 1;
  const type = placed.length > MANY ? "scattergl" : "scatter";
  const data = [...groups].map(([name, own]) => ({ ...markers(plots, own, across, up, largest), type, name: escaped(name) }));
  const metrics = new Set(placed.map((place) => cells.data.accuracy.metric.texts[cells.data.accuracy.metric.at[place]]));
  const values = placed.map(up.get);
  const yaxis = up.accuracy
    ? accuracyAxis([...metrics].join(", ") || up.title, placed.every((place) => cells.better("accuracy", place) === "lower"))
    : { ...logAxis(up.title, values), autorange: "reversed" };
  const missing = ran.length - placed.length;
  return {
    data,
    layout: { xaxis: logAxis(across.title, placed.map(across.get), across.label), yaxis, hovermode: "closest", showlegend: true },
    note: missing ? `${missing} without both figures are not shown.` : "",
  };
}

// Up is better, whichever way the metric goes.
const accuracyAxis = (title, lower) => ({
  title: { text: escaped(lower ? `${title} (lower is better)` : title) }, ...(lower ? { autorange: "reversed" } : {}),
});

// A tick's value, without the noise of its multiplication.
const shortest = (value) => String(Number(value.toPrecision(6)));

const groupName = (plots, place) =>
  [plots.cells.text("recipe", place), plots.cells.text("format", place), ...(plots.withSource ? [plots.cells.text("source", place)] : [])].join(" · ");

function markers(plots, own, across, up, largest) {
  const cells = plots.cells;
  const [low, high] = [cells.data.accuracy.low, cells.data.accuracy.high];
  const colour = plots.colour(own[0]);
  const open = plots.withSource && cells.text("source", own[0]) !== "torch" ? "-open" : "";
  const trace = {
    mode: "markers",
    x: own.map(across.get),
    y: own.map(up.get),
    customdata: own,
    hovertext: own.map((place) => plots.hover(place)),
    hoverinfo: "text",
    marker: {
      color: colour,
      symbol: cells.data.symbols[cells.text("format", own[0])] + open,
      opacity: own.map((place) => (cells.data.dominated[place] ? 0.3 : 1)),
      line: { width: open ? 2 : 1, color: open ? colour : "#555555" },
      size: own.map((place) => cells.number("size", place) ?? 0),
      // Plotly's rule for areas: sizeref = 2 * largest value / (largest marker in px) ** 2.
      sizemode: "area",
      sizeref: (2 * largest) / LARGEST_PX ** 2,
      sizemin: 5,
    },
  };
  if (up.accuracy && own.every((place) => low[place] !== null)) {
    trace.error_y = {
      type: "data", symmetric: false, thickness: 0.8, width: 3, color: colour,
      array: own.map((place) => high[place] - up.get(place)), arrayminus: own.map((place) => up.get(place) - low[place]),
    };
  }
  return trace;
}

// A ridge per variant, each against its own median so that its shape shows: between two quantiles lie 5 % of the
// samples, so the closer they are, the higher. Marks beyond the plot stand at its edge.
function distribution(plots, ran) {
  const cells = plots.cells;
  if (ran.length && ran.every((place) => cells.emulated(place))) return { note: "An emulator's time is not drawn." };
  const p50 = (place) => cells.number("latency", place);
  const { shown, layout, note, height } = plots.rows(ran, p50);
  if (!shown.length) return { note: "No latency was measured." };
  layout.yaxis.ticktext = shown.map((place) => `${escaped(plots.name(place))} · ${cells.text("latency", place)}`);
  const off = (value, place) => 100 * (value / p50(place) - 1);
  const ridges = shown.flatMap((place, row) => ridge(plots, place, row));
  const p90 = shown.map((place) => off(cells.number("p90", place), place));
  const p99 = shown.map((place) => off(cells.data.latency.p99[place], place));
  const low = Math.min(-2, ...ridges.flatMap((trace) => trace.x));
  const high = Math.max(5, ...p90, ...ridges.flatMap((trace) => trace.x)) * 1.5;
  const zero = shown.map(() => 0);
  const marks = [[zero, "line-ns", "p50", 14], [p90, "circle-open", "p90", 8], [p99, "x-thin", "p99", 8]];
  const data = marks.map(([values, symbol, name, size]) => ({
    type: "scatter", mode: "markers", x: values.map((value) => Math.min(value, high)), y: shown.map((_, row) => row),
    customdata: shown, cliponaxis: false, hoverinfo: "text",
    marker: { symbol: values.map((value) => (value > high ? "triangle-right-open" : symbol)), size, color: "#777777", line: { width: 2, color: "#777777" } },
    hovertext: shown.map((place, row) => `<b>${escaped(plots.name(place))}</b><br>${name} `
      + `${duration(p50(place) * (1 + values[row] / 100))} (${values[row] >= 0 ? "+" : ""}${significant(values[row])} %)`
      + `<br>${cells.data.latency.samples[place].toLocaleString("en-US")} samples`),
  }));
  const xaxis = { title: { text: "latency against the variant's own median (%)" }, range: [low * 1.1, high], zeroline: false };
  return { data: [...ridges, ...data], layout: { ...layout, xaxis }, note, height };
}

function ridge(plots, place, row) {
  const quantiles = plots.cells.data.latency.quantiles[place];
  if (!quantiles) return [];
  const steps = [];
  let begin = quantiles[0];
  let mass = 0;
  for (const end of quantiles.slice(1)) {
    mass += 1;
    // Clocks tick: quantiles on the same tick are one step.
    if (end - begin < LEAST_STEP && end !== quantiles.at(-1)) continue;
    steps.push([begin, end, mass / Math.max(end - begin, LEAST_STEP)]);
    begin = end;
    mass = 0;
  }
  const highest = Math.max(...steps.map((step) => step[2]));
  const x = steps.flatMap(([from, to]) => [from / 10 - 100, to / 10 - 100]);
  const y = steps.flatMap(([, , density]) => Array(2).fill(row - (0.85 * density) / highest));
  return [{
    type: "scatter", mode: "lines", x: [x[0], ...x, x.at(-1), x[0]], y: [row, ...y, row, row], fill: "toself",
    line: { width: 1, color: plots.colour(place) }, hoverinfo: "skip",
  }];
}

function delta(plots, ran) {
  const { value, low, high } = plots.cells.data.delta;
  const { shown, layout, note, height } = plots.rows(ran, (place) => (value[place] === null ? null : -value[place]));
  if (!shown.length) return { note: "No variant that ran can be held against an fp32 variant." };
  const data = [{
    type: "scatter", mode: "markers", x: shown.map((place) => value[place]), y: shown.map((_, row) => row), customdata: shown,
    marker: { size: 9, color: shown.map((place) => plots.colour(place)), line: { width: 1, color: "#555555" } },
    error_x: {
      type: "data", symmetric: false, thickness: 1, width: 4, color: "#777777",
      array: shown.map((place) => high[place] - value[place]), arrayminus: shown.map((place) => value[place] - low[place]),
    },
    hovertext: shown.map((place) => `<b>${escaped(plots.name(place))}</b><br>${significant(value[place], 2)} points, `
      + `95 % interval ${significant(low[place], 2)} to ${significant(high[place], 2)}`),
    hoverinfo: "text",
  }];
  const xaxis = { title: { text: "points against fp32" }, zeroline: true, zerolinewidth: 2 };
  return { data, layout: { ...layout, xaxis }, note, height };
}

function sizes(plots, places) {
  const { dtypes, colours, bytes } = plots.cells.data.constants;
  const seen = new Set();
  const once = places.filter((place) => bytes[place] !== null && !seen.has(sizeName(plots, place)) && seen.add(sizeName(plots, place)));
  const { shown, layout, note, height } = plots.rows(once, (place) => plots.cells.number("size", place));
  if (!shown.length) return { note: "Nothing was built." };
  const order = [...dtypes.keys()].slice(1).concat(0); // the rest of the file last
  const data = order.map((at) => {
    const sums = shown.map((place) => {
      let sum = 0;
      for (let part = 0; part < bytes[place].length; part += 2) if (bytes[place][part] === at) sum += bytes[place][part + 1];
      return sum / 1e3;
    });
    return {
      type: "bar", orientation: "h", name: escaped(dtypes[at]), marker: { color: colours[at], line: { width: 0.5, color: "#555555" }, pattern: { shape: at === 0 ? "/" : "", size: 5, solidity: 0.2 } },
      x: sums, y: shown.map((_, row) => row), customdata: shown, hoverinfo: "text",
      hovertext: shown.map((place, row) => `<b>${escaped(sizeName(plots, place))}</b><br>${escaped(dtypes[at])} ${significant(sums[row])} kB`
        + `<br>of ${escaped(plots.cells.text("size", place))} kB`),
    };
  }).filter((trace) => trace.x.some((sum) => sum > 0));
  layout.yaxis.ticktext = shown.map((place) => escaped(sizeName(plots, place)));
  const xaxis = { title: { text: "size (kB)" }, rangemode: "tozero" };
  return { data, layout: { ...layout, xaxis, barmode: "stack", showlegend: true, legend: { traceorder: "normal" } }, note, height: height + 40 };
}

// Threads change no file.
const sizeName = (plots, place) => plots.name(place).replace(/, \d+ threads$/, "");

// What each variant's operators take by what they do; what its delegate left to the runtime is hatched.
function profileBars(plots, ran) {
  const { kinds, colours, bars, facts } = plots.cells.data.profiles;
  const units = new Set(ran.filter((place) => bars[place]).map((place) => facts[place].unit));
  const unit = [...units][0];
  const sum = (place) => bars[place].reduce((all, value, at) => (at % 3 === 2 ? all + value : all), 0);
  const { shown, layout, note, height } = plots.rows(ran.filter((place) => bars[place] && facts[place].unit === unit), sum);
  const shares = ran.filter((place) => facts[place]?.shares).length;
  const more = shares ? ` ${shares} of shares alone: see the operators below.` : "";
  if (!shown.length) return { note: `No variant's operators were timed.${more}` };
  const traces = kinds.flatMap((kind, at) => [0, 1].map((fallback) => {
    const sums = shown.map((place) => {
      for (let part = 0; part < bars[place].length; part += 3) {
        if (bars[place][part] === at && bars[place][part + 1] === fallback) return bars[place][part + 2];
      }
      return 0;
    });
    const name = `${kind}${fallback ? " (fallback)" : ""}`;
    return {
      type: "bar", orientation: "h", name: escaped(name), customdata: shown, hoverinfo: "text",
      marker: { color: colours[at], line: { width: 0.5, color: "#555555" }, pattern: { shape: fallback ? "x" : "", size: 6, solidity: 0.35 } },
      x: sums, y: shown.map((_, row) => row),
      hovertext: shown.map((place, row) => `<b>${escaped(plots.name(place))}</b><br>${escaped(name)} ${significant(sums[row])} ${unit}`
        + ` of ${significant(sum(place))}`),
    };
  })).filter((trace) => trace.x.some((value) => value > 0));
  const xaxis = { title: { text: unit === "µs" ? "time of an inference (µs)" : "instructions of an inference" }, rangemode: "tozero" };
  const legend = { traceorder: "normal", y: -60 / (30 * shown.length + 20) }; // below the axis' title
  return { data: traces, layout: { ...layout, xaxis, barmode: "stack", showlegend: true, legend }, note: note + more, height: height + 60 };
}

// The state of the whole device around all its cells, one strip per figure: before, at its worst during, and after each.
function deviceState(plots, _ran, device) {
  const { figures, throttled, reasons } = plots.cells.data.state;
  const places = plots.cells.where({ device }).filter((place) => plots.cells.text("status", place) === "ok");
  const known = figures.filter((figure) => places.some((place) => figure.values[place] !== null));
  const why = [...new Set(places.map((place) => reasons.texts[reasons.at[place]]).filter(Boolean))].slice(0, 3).join("; ");
  if (!known.length) return { note: why ? `Nothing was read: ${why}.` : "Nothing was read." };
  const flags = (place) => throttled.texts[throttled.at[place]];
  const type = 3 * places.length > MANY ? "scattergl" : "scatter";
  const xaxis = { title: { text: "cells of the device, in the table's order" }, showticklabels: false };
  const layout = { xaxis, showlegend: false, hovermode: "closest" };
  const axes = strips(layout, known.map((figure) => figure.title));
  const data = known.map((figure, strip) => {
    const points = places.flatMap((place, at) => (figure.values[place] ?? [null, null, null]).map((value, step) => [at + 0.3 * step, value, place]));
    const bad = points.map(([, , place]) => flags(place) !== "");
    return {
      type, mode: "lines+markers", yaxis: axes[strip], connectgaps: true,
      x: points.map((point) => point[0]), y: points.map((point) => point[1]), customdata: points.map((point) => point[2]),
      line: { color: "#888888", width: 1 },
      marker: { size: bad.map((one) => (one ? 9 : 5)), symbol: bad.map((one) => (one ? "x" : "circle")), color: bad.map((one) => (one ? "#D55E00" : "#56B4E9")) },
      hovertext: points.map(([, value, place], at) => `<b>${escaped(plots.cells.data.ids[place])}</b><br>${["before", "during", "after"][at % 3]}: `
        + `${significant(value)} ${escaped(figure.title)}${flags(place) ? `<br>${escaped(flags(place))}` : ""}`),
      hoverinfo: "text",
    };
  });
  return { data, layout, note: why ? `Missing: ${why}.` : "", height: 60 + 150 * known.length };
}
