// What changed while a device was at work.

// The device's reference cell, timed again through the sweep; temperature and clock below, where they are told.
function drift(plots, _ran, device) {
  const found = plots.cells.data.drift[device];
  if (!found) return { note: "No reference cell was timed again on this device." };
  const at = found.visits.map(([seconds], number) => (seconds === null ? number : seconds / 60));
  const timed = found.visits.every(([seconds]) => seconds !== null);
  const column = (place) => found.visits.map((visit) => visit[place]);
  const [p50, low, high] = [column(1), column(2), column(3)];
  const figures = [
    { title: "p50 (ms)", values: p50, low, high },
    { title: "temperature (°C)", values: column(4) },
    { title: "clock (MHz)", values: column(5) },
  ].filter((strip) => strip.values.some((value) => value !== null));
  const layout = { xaxis: { title: { text: timed ? "minutes since it was first timed" : "time it was timed" } }, showlegend: false, hovermode: "closest" };
  const axes = strips(layout, figures.map((strip) => strip.title));
  const data = figures.map((strip, row) => {
    const known = strip.low && strip.low.every((value) => value !== null);
    return {
      type: "scatter", mode: "lines+markers", yaxis: axes[row], x: at, y: strip.values, connectgaps: true,
      line: { color: "#888888", width: 1 }, marker: { size: 8, color: "#0072B2" }, hoverinfo: "text",
      hovertext: strip.values.map((value, number) => `${escaped(found.reference)}<br>time ${number + 1}: ${significant(value)} ${escaped(strip.title)}`),
      ...(known ? { error_y: { type: "data", symmetric: false, thickness: 1, width: 4, color: "#888888", array: strip.high.map((value, number) => value - strip.values[number]), arrayminus: strip.low.map((value, number) => strip.values[number] - value) } } : {}),
    };
  });
  return { data, layout, note: `${found.said}.`, height: 80 + 150 * figures.length };
}

// Each variant that was kept at work: its latency over minutes against its own first, the device's heat and clock below.
function sustained(plots, ran) {
  const kept = plots.cells.data.sustained;
  const shown = ran.filter((place) => kept[place]).slice(0, VARIANTS);
  if (!shown.length) return { note: "No variant was kept at work for minutes." };
  const first = (place) => kept[place].windows[0][1];
  const figures = [
    { title: "p50 against the first", value: (window, place) => window[1] / first(place) },
    { title: "temperature (°C)", value: (window) => window[2] },
    { title: "clock (MHz)", value: (window) => window[3] },
    { title: "energy (mJ)", value: (window) => window[4] },
  ].filter((strip) => shown.some((place) => kept[place].windows.some((window) => strip.value(window, place) !== null)));
  const layout = { xaxis: { title: { text: "minutes of work" } }, showlegend: true, hovermode: "closest", legend: { y: -0.12 } };
  const axes = strips(layout, figures.map((strip) => strip.title));
  const dashes = { tflite: "solid", executorch: "dash", onnx: "dot" };
  const data = figures.flatMap((strip, row) => {
    return shown.map((place) => ({
      type: "scatter", mode: "lines+markers", name: escaped(plots.name(place)), showlegend: row === 0, yaxis: axes[row],
      marker: { symbol: "x-thin-open", line: { width: 1.5 }, size: kept[place].windows.map((window) => (window[5] ? 8 : 0)) },
      x: kept[place].windows.map(([seconds]) => seconds / 60), y: kept[place].windows.map((window) => strip.value(window, place)),
      line: { color: plots.colour(place), width: 1.5, dash: dashes[plots.cells.text("format", place)] ?? "dashdot" },
      customdata: kept[place].windows.map(() => place), hoverinfo: "text",
      hovertext: kept[place].windows.map((window) => `<b>${escaped(plots.name(place))}</b><br>${significant(window[0] / 60)} min: ${duration(window[1])}${window[5] ? ", other processes took part" : ""}<br>${escaped(kept[place].said)}`),
    }));
  });
  const marked = shown.some((place) => kept[place].windows.some((window) => window[5])) ? " Crosses: other processes took part." : "";
  const said = shown.slice(0, 4).map((place) => `${plots.name(place)}: ${kept[place].said}.`).join(" ") + marked;
  return { data, layout, note: said, height: 120 + 160 * figures.length };
}
