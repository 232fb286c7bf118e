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
$("p", body, data.complaints.length ? "Not as expected" : data.ledger.expected ? "Everything that was sent has come, once and in order" : "All as expected",
  data.complaints.length ? "bad" : "good");
for (const text of data.complaints) $("div", body, text, "bad");
for (const text of data.remarks) $("div", body, text, "note");
const table = $("table", body);
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
  `${n(l.out_of_order)} out of order, ${n(l.changed)} changed, ${n(l.misdelivered)} misdelivered, ${n(l.stranded)} clients stranded, ${n(l.uncertain)} uncertain`);
if (data.cpu_us_per_message !== undefined) row("server side", data.cpu_us_per_message.toFixed(2) + " µs of CPU per message");
if (data.bytes_per_client !== undefined) row("server side", n(data.bytes_per_client) + " bytes per client");
const own = Math.max(data.own_cpu, data.own_connect_cpu);
row("load tester", (100 * own).toFixed(0) + " % of a core, its busiest thread; its loop's lag " + spread(data.own_lag));

const commands = data.commands || [];
for (const c of commands) row(`at ${c.at.toFixed(1)} s`, c.command + (c.trouble ? ` (${c.trouble})` : ""));

if (typeof uPlot !== "undefined") {
  const blue = "#1a66c2", orange = "#d98200", red = "#b3261e", green = "#0a7d32", violet = "#6b3fa0", grey = "#888";
  const grid = $("div", body, undefined, "grid");
  // In every chart over time: what --at did, and grey what was not measured.
  const marks = u => {
    const { ctx, bbox } = u;
    const at = x => Math.min(bbox.left + bbox.width, Math.max(bbox.left, u.valToPos(x, "x", true)));
    ctx.save();
    ctx.fillStyle = "#8881";
    for (const [from, to] of [[bbox.left, at(data.warm_up)], [at(data.warm_up + data.seconds), bbox.left + bbox.width]]) {
      ctx.fillRect(from, bbox.top, to - from, bbox.height);
    }
    ctx.strokeStyle = red;
    ctx.setLineDash([4, 4]);
    for (const c of commands) {
      ctx.beginPath(); ctx.moveTo(at(c.at), bbox.top); ctx.lineTo(at(c.at), bbox.top + bbox.height); ctx.stroke();
    }
    ctx.restore();
  };
  const line = (label, stroke, show) => ({ label, stroke, width: 1.5, points: { size: 4 }, value: (_, v) => v == null ? "–" : show(v) });
  const chart = (title, series, values, { show, x, log, y } = {}) => {
    const cell = $("div", grid);
    $("h2", cell, title);
    return new uPlot({
      width: cell.clientWidth, height: 240, cursor: { y: false }, hooks: { drawClear: x ? [] : [marks] },
      scales: { x: x ? { time: false, distr: 3 } : { time: false }, y: log ? { distr: 3 } : { range: (u, low, high) => [Math.min(0, low), Math.max(high, 0) * 1.1 || 1] } },
      axes: [x ? { values: (u, ticks) => ticks.map(t => t == null ? "" : time(t)) } : { values: (u, ticks) => ticks.map(t => t + " s") },
        { size: 76, values: (u, ticks) => ticks.map(t => t == null ? "" : show(t)) }],
      series: [{ label: x || "second", value: (_, v) => v == null ? "–" : x ? time(v) : v.toFixed(1) }, ...series],
    }, values, cell);
  };
  const seconds = data.per_second || [], server = data.server || [];
  // The load tester's buckets double their width with each power of two; these are all as wide on a logarithmic axis.
  const bins = new Map();
  for (const [us, count] of data.histogram || []) {
    const end = 2 ** (Math.ceil(Math.log2(us) * 8) / 8);
    bins.set(end, (bins.get(end) || 0) + count);
  }
  const at = seconds.map((_, i) => i + .5);
  const latency = name => seconds.map(s => s.received ? s[name] : null);
  if (seconds.length) {
    chart("Messages a second", [line("sent", grey, n), line("received", blue, n)],
      [at, seconds.map(s => s.sent), seconds.map(s => s.received)], { show: n });
    chart("Latency", [line("p50", blue, time), line("p99", orange, time), line("max", red, time)],
      [at, latency("p50_us"), latency("p99_us"), latency("max_us")], { show: time, log: true });
  }
  if (bins.size) {
    chart("Messages by their latency", [{ ...line("messages", blue, n), fill: blue + "44", points: { show: false }, paths: uPlot.paths.bars({ size: [1, Infinity], align: -1 }) }],
      [[...bins.keys()], [...bins.values()]], { show: n, x: "latency" });
  }
  if (server.length) {
    const when = server.map(s => s.at), decimals = digits => x => x.toFixed(digits);
    chart("Server side: CPU, cores", [line("cores", green, decimals(2))], [when.map(at => at - .5), server.map(s => s.cores)], { show: decimals(2) });
    chart("Server side: memory, MiB", [line("MiB", violet, decimals(1))], [when, server.map(s => s.bytes / 1048576)], { show: decimals(1) });
    chart("Server side: memory, bytes per client", [line("bytes", violet, n)],
      [when, server.map(s => s.bytes_per_client ?? null)], { show: n });
  }
} else {
  $("p", body, "Without charts: their library was not there when this program was built (npm ci --prefix tests/load).", "note");
}
