// What changed while a device was at work.

// The device's reference cell, timed again through the sweep; temperature and clock below, where they are told.
function drift(plots, _ran, device) {
  const found = plots.cells.data.drift[device];
  if (!found) return { note: "No reference cell was timed again on this device." };
  const at = found.visits.map(([seconds], number) => (seconds === null ? number : seconds / 60));
  const timed = found.visits.every(([seconds]) => seconds !== null);
  const column = (place) => found.visits.map((visit) => visit[place]);
  const [p50, low, high] = [column(1), column(2), column(3)];
  const strips = [
    { title: "p50 (ms)", values: p50, low, high },
    { title: "temperature (°C)", values: column(4) },
    { title: "clock (MHz)", values: column(5) },
  ].filter((strip) => strip.values.some((value) => value !== null));
  const last = strips.length === 1 ? "y" : `y${strips.length}`;
  const layout = { xaxis: { title: { text: timed ? "minutes since it was first timed" : "time it was timed" }, anchor: last }, showlegend: false, hovermode: "closest" };
  const data = strips.map((strip, row) => {
    const axis = row ? String(row + 1) : "";
    layout[`yaxis${axis}`] = { title: { text: strip.title }, domain: [1 - (row + 0.85) / strips.length, 1 - row / strips.length] };
    const known = strip.low && strip.low.every((value) => value !== null);
    return {
      type: "scatter", mode: "lines+markers", yaxis: `y${axis}`, x: at, y: strip.values, connectgaps: true,
      line: { color: "#888888", width: 1 }, marker: { size: 8, color: "#0072B2" }, hoverinfo: "text",
      hovertext: strip.values.map((value, number) => `${escaped(found.reference)}<br>time ${number + 1}: ${significant(value)} ${escaped(strip.title)}`),
      ...(known ? { error_y: { type: "data", symmetric: false, thickness: 1, width: 4, color: "#888888", array: strip.high.map((value, number) => value - strip.values[number]), arrayminus: strip.low.map((value, number) => strip.values[number] - value) } } : {}),
    };
  });
  return { data, layout, note: `${found.said}.`, height: 80 + 150 * strips.length };
}
