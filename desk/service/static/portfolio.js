// The page of a portfolio: classes open to their assets, and NAV is read off a chart.
"use strict";

document.addEventListener("click", (event) => {
  const row = event.target.closest("tr[data-open]"); // a click anywhere on it; its button is there for the keyboard
  if (!row) return;
  const button = row.querySelector("button"), assets = document.getElementById(row.dataset.open);
  assets.hidden = !assets.hidden;
  button.setAttribute("aria-expanded", String(!assets.hidden));
});

document.addEventListener("loaded", (event) => {
  const wanted = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  if (wanted && event.target.contains(wanted)) wanted.scrollIntoView();
  const place = event.target.querySelector(".nav-chart");
  if (place) draw(place);
});

// The chart has the colours of the page, and is drawn again where these or its width change.
function draw(place) {
  const rows = JSON.parse(place.dataset.rows);
  const data = [rows.map((row) => Date.parse(row.date) / 1000), rows.map((row) => row.nav)];
  const colour = (name) => getComputedStyle(place).getPropertyValue(`--${name}`);
  const axis = { stroke: () => colour("soft"), grid: { stroke: () => colour("rule"), width: 1 }, ticks: { show: false } };
  const day = (seconds) => (seconds == null ? "–" : new Date(seconds * 1000).toISOString().slice(0, 10));
  const amount = (value) => (value == null ? "–" : value.toLocaleString("en-US", { maximumFractionDigits: 0 }));
  const chart = new uPlot({
    width: place.clientWidth, height: 280,
    series: [
      { label: "close", value: (_, seconds) => day(seconds) },
      { label: "net asset value", stroke: () => colour("sky"), width: 1.8, value: (_, value) => amount(value) },
    ],
    axes: [{ ...axis, space: 110, values: (_, ticks) => ticks.map(day) }, { ...axis, size: 90, values: (_, ticks) => ticks.map(amount) }],
  }, data, place);
  new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: 280 })).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart.redraw());
}
