// Draws the report: what is in #data, the figures of one run, as tables and charts.
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (tag, parent, text, cls) => {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (cls) e.className = cls;
  return parent.appendChild(e);
};
const n = x => Math.round(x).toLocaleString("en");
const time = us => us < 1000 ? us.toFixed(0) + " µs" : us < 1e6 ? (us / 1000).toFixed(us < 1e4 ? 2 : 1) + " ms" : (us / 1e6).toFixed(2) + " s";
const spread = h => ["p50", "p90", "p99", "p999", "max"].map(p => p.replace("999", "99.9") + " " + time(h[p + "_us"])).join(" · ");
const body = document.body;
$("h1", body, "trunkline-load: " + data.profile);
$("p", body, data.complaints.length ? "Not as expected" : "Everything that was sent has come, once and in order",
  data.complaints.length ? "bad" : "good");
for (const text of data.complaints) $("div", body, text, "bad");
for (const text of data.remarks) $("div", body, text, "note");
const table = $("table", $("p", body));
const row = (name, value) => { const r = $("tr", table); $("th", r, name); $("td", r, value); };
row("clients", n(data.connected) + " of " + n(data.clients) + " connected in " + data.connect_seconds.toFixed(2) + " s");
if (data.connect.count) row("connect", spread(data.connect));
if (data.reconnect) row("all back at once", data.reconnect_seconds.toFixed(2) + " s: " + spread(data.reconnect));
if (data.received) {
  row("received", n(data.received) + " in " + data.seconds.toFixed(1) + " s: " + n(data.rate) + "/s");
  row("latency", spread(data.latency));
}
const l = data.ledger;
if (l.expected) row("ledger", `${n(l.received)} of ${n(l.expected)} came: ${n(l.missing)} missing, ${n(l.doubled)} doubled, ` +
  `${n(l.out_of_order)} out of order, ${n(l.misdelivered)} misdelivered, ${n(l.stranded)} clients stranded, ${n(l.uncertain)} uncertain`);
if (data.cpu_us_per_message !== undefined) row("server side", data.cpu_us_per_message.toFixed(2) + " µs of CPU per message");
if (data.bytes_per_client !== undefined) row("server side", n(data.bytes_per_client) + " bytes per client");
row("load tester", (100 * data.own_cpu).toFixed(0) + " % of a core, the busiest thread");

if (typeof uPlot !== "undefined") {
  const grid = $("div", body, undefined, "grid");
  const events = data.events || [];
  const marks = { hooks: { draw: u => {
    u.ctx.save(); u.ctx.strokeStyle = "#b3261e"; u.ctx.setLineDash([4, 4]);
    for (const e of events) {
      const x = u.valToPos(e.at, "x", true);
      u.ctx.beginPath(); u.ctx.moveTo(x, u.bbox.top); u.ctx.lineTo(x, u.bbox.top + u.bbox.height); u.ctx.stroke();
    }
    u.ctx.restore();
  } } };
  const chart = (title, series, values, options = {}) => {
    const cell = $("div", grid);
    $("h2", cell, title);
    const width = cell.clientWidth || 460;
    new uPlot({ width, height: 240, plugins: options.x ? [] : [marks], scales: { x: options.x || { time: false }, y: options.y || {} },
      axes: [{ label: options.label || "seconds" }, { size: 70, values: options.values }],
      series: [{ label: options.label || "second" }, ...series] }, values, cell);
  };
  const seconds = data.per_second || [];
  const at = seconds.map((_, i) => i);
  const pick = name => seconds.map(s => s[name] || null);
  if (seconds.length) {
    chart("Messages per second", [{ label: "sent", stroke: "#888" }, { label: "received", stroke: "#1a66c2", width: 2 }],
      [at, seconds.map(s => s.sent), seconds.map(s => s.received)]);
    chart("Latency", [{ label: "p50", stroke: "#1a66c2", width: 2 }, { label: "p99", stroke: "#d98200", width: 2 }, { label: "max", stroke: "#b3261e" }],
      [at, pick("p50_us"), pick("p99_us"), pick("max_us")],
      { y: { distr: 3 }, values: (u, ticks) => ticks.map(t => t ? time(t) : "") });
  }
  const h = data.histogram || [];
  if (h.length) chart("How often which latency", [{ label: "messages", stroke: "#1a66c2", fill: "#1a66c244" }],
    [h.map(b => b[0]), h.map(b => b[1])], { x: { time: false, distr: 3 }, label: "µs" });
  const server = data.server || [];
  if (server.length) {
    chart("Server side: cores", [{ label: "cores", stroke: "#0a7d32", width: 2 }], [server.map(s => s.at), server.map(s => s.cores)]);
    chart("Server side: memory", [{ label: "MiB", stroke: "#6b3fa0", width: 2 }], [server.map(s => s.at), server.map(s => s.bytes / 1048576)]);
  }
  for (const e of events) $("div", body, `at ${e.at.toFixed(1)} s: ${e.command}`);
} else {
  $("p", body, "Without charts: their library was not there when this program was built (npm ci --prefix tests/load).", "note");
}
