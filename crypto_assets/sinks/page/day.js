"use strict";
(async () => {
  const day = JSON.parse(document.getElementById("day").textContent);
  const box = document.getElementById("charts");
  const reading = document.getElementById("reading");
  const toolbar = document.getElementById("toolbar");
  if (typeof DecompressionStream === "undefined") {
    box.textContent = "This browser cannot unpack the bars; the tables below say what they show.";
    return;
  }
  const SECOND = 1e6;
  const NAMES = { 1: "1s", 60: "1m", 300: "5m", 900: "15m", 3600: "1h" };
  const base = await Grid.bars(day.grids[0]);
  const quoted = await quoteVolume();
  const starts = day.start_us / SECOND;
  const ends = day.end_us / SECOND;
  const { names } = day.curves;
  const over = names.filter((one) => one.over);
  const shown = { profile: true, marks: true, ...Object.fromEntries(names.map(({ name }) => [name, true])) };
  const view = { min: starts, max: ends };
  let bars = base;
  let plots = [];
  let theme = {};

  async function quoteVolume() {
    const inBars = day.grids[0].columns.some((one) => one.name === "quote_volume");
    const { columns, step } = await Grid.unpack(inBars ? day.grids[0] : day.grids[1]);
    return { step, ...columns.quote_volume };
  }

  /* ---- what the bars say, as text ---- */

  const pad = (value) => String(value).padStart(2, "0");
  function clock(seconds) {
    const within = Math.round(seconds - starts);
    const text = `${pad(Math.floor(within / 3600))}:${pad(Math.floor(within / 60) % 60)}`;
    return within % 60 ? `${text}:${pad(within % 60)}` : text;
  }

  function quoteVolumeOf(from, until) {
    const step = quoted.step / SECOND;
    const [first, last] = [(from - starts) / step, (until - starts) / step];
    if (!Number.isInteger(first) || !Number.isInteger(last)) return null;
    let sum = 0n;
    for (let row = first; row < last; row++) sum += BigInt(quoted.values[row]);
    return Grid.text(sum, quoted.places);
  }

  function read(from, until) {
    const step = base.step / SECOND;
    const one = Grid.merged(base, Math.round((from - starts) / step), Math.round((until - starts) / step));
    const price = (value) => Grid.text(value, base.pricePlaces);
    const volume = (value) => Grid.text(value, base.volumePlaces);
    const parts = [["O", price(one.open)], ["H", price(one.high)], ["L", price(one.low)],
                   ["C", price(one.close)], ["volume", volume(one.volume)]];
    if (one.bought !== null) parts.push(["takers bought", volume(one.bought)]);
    const value = quoteVolumeOf(from, until);
    if (value !== null) parts.push(["quote volume", value]);
    if (one.count !== null) parts.push(["trades", one.count.toLocaleString("en")]);
    if (one.bid !== null) {
      parts.push(["bid", price(one.bid)], ["ask", price(one.ask)], ["spread", price(one.ask - one.bid)]);
    }
    const row = curveRow(from);
    if (row && until - from === row.curve.step_us / SECOND) {
      for (const { name, label } of names) {
        const found = row.curve.columns[name] && row.curve.columns[name][row.at];
        if (found !== null && found !== undefined) parts.push([label, significant(found)]);
      }
    }
    const notes = one.complete ? [] : [["missing", "some of its trades may be missing"]];
    for (const [kind, first, last, says] of day.marks) {
      if (first / SECOND < until && last / SECOND >= from) notes.push([kind, says]);
    }
    tell(`${clock(from)} to ${clock(until)} UTC`, parts, notes);
  }

  function tell(when, parts, notes) {
    const put = (tag, name, text) => {
      const found = document.createElement(tag);
      if (name) found.className = name;
      if (text) found.textContent = text;
      return found;
    };
    const rows = parts.map(([label, text]) => {
      const span = put("span");
      span.append(put("i", "", label + " "), put("b", "", text));
      return span;
    });
    const told = notes.slice(0, 2).map(([kind, note]) => put("span", `note mark-${kind}`, note));
    if (notes.length > 2) told.push(put("span", "note", `and ${notes.length - 2} more`));
    reading.replaceChildren(put("span", "when", when), ...rows, ...told);
  }

  function readAt(index) {
    if (index === null || index === undefined) {
      const step = base.step / SECOND;
      const from = starts + Math.max(0, Math.floor((view.min - starts) / step)) * step;
      const until = starts + Math.min(base.rows, Math.ceil((view.max - starts) / step)) * step;
      read(from, Math.max(until, from + step));
      return;
    }
    const from = starts + (index * bars.step) / SECOND;
    read(from, Math.min(from + bars.step / SECOND, ends));
  }

  /* ---- derived curves ---- */

  function curveFor(step) {
    const known = day.curves.grids.filter((curve) => curve.step_us >= step);
    return known.length ? known.reduce((a, b) => (a.step_us <= b.step_us ? a : b)) : null;
  }

  function curveRow(from) {
    const curve = curveFor(bars.step);
    if (!curve) return null;
    return { curve, at: Math.floor(((from - starts) * SECOND) / curve.step_us) };
  }

  const significant = (value) => Number(value.toPrecision(7)).toString();

  /* One value a bar of a curve that may have longer steps: the last one known as the bar ends. */
  function curveValues(name) {
    const curve = curveFor(bars.step);
    const found = curve && curve.columns[name];
    if (!found) return new Array(bars.rows).fill(null);
    const many = curve.step_us / bars.step;
    return Array.from({ length: bars.rows }, (_, row) => {
      const at = Math.floor((row + 1) / many) - 1;
      return at < 0 ? null : found[at];
    });
  }

  /* ---- panels ---- */

  const float = (values, places) => values.map((one) => (one === null ? null : Number(one) / 10 ** places));
  const middles = () => Array.from({ length: bars.rows }, (_, row) =>
    starts + ((row + 0.5) * bars.step) / SECOND);

  function visible() {
    const step = bars.step / SECOND;
    return [Math.max(0, Math.floor((view.min - starts) / step)),
            Math.min(bars.rows, Math.ceil((view.max - starts) / step))];
  }

  function range(columns, floor) {
    const [from, until] = visible();
    let [low, high] = [Infinity, -Infinity];
    for (const values of columns) {
      for (let row = from; row < until; row++) {
        const value = values[row];
        if (value === null || value === undefined) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    if (low > high) return [0, 1];
    if (floor !== undefined) return [floor, high > floor ? high * 1.06 : floor + 1];
    const room = (high - low) * 0.06 || Math.abs(high) * 0.001 || 1;
    return [low - room, high + room];
  }

  function short(value) {
    for (const [unit, name] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]]) {
      if (Math.abs(value) >= unit) return significant(value / unit) + name;
    }
    return significant(value);
  }

  const plain = (value, splits) => {
    const step = splits.length > 1 ? splits[1] - splits[0] : 1;
    const places = Math.min(10, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
    return value.toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places });
  };

  const percent = (value, splits) => plain(value * 100, splits.map((one) => one * 100)) + " %";

  function clipped(plot, draw) {
    const { left, top, width, height } = plot.bbox;
    const pen = plot.ctx;
    pen.save();
    pen.beginPath();
    pen.rect(left, top, width, height);
    pen.clip();
    draw(pen, plot.bbox);
    pen.restore();
  }

  function drawMarks(plot, isMain) {
    if (!shown.marks) return;
    clipped(plot, (pen, { top, height }) => {
      const ratio = devicePixelRatio;
      for (const [kind, first, last] of day.marks) {
        if (last / SECOND < view.min || first / SECOND > view.max) continue;
        let left = plot.valToPos(first / SECOND, "x", true);
        let wide = plot.valToPos(last / SECOND, "x", true) - left;
        if (wide < 2 * ratio) { left -= (2 * ratio - wide) / 2; wide = 2 * ratio; }
        pen.fillStyle = theme[`mark-${kind}`];
        pen.globalAlpha = kind === "halt" ? 0.1 : 0.16;
        pen.fillRect(left, top, wide, height);
        if (!isMain) continue;
        pen.globalAlpha = 1;
        const lane = { unheard: 1, halt: 2 }[kind] || 0;
        const least = Math.max(wide, 4 * ratio);
        pen.fillRect(left - (least - wide) / 2, top + height - (6 + lane * 6) * ratio, least, 5 * ratio);
      }
    });
  }

  /* Every column of bars that would be thinner than a pixel is one bar from its lowest to its
     highest. */
  function columnsOf(plot) {
    const [from, until] = visible();
    const pixels = plot.bbox.width / Math.max(1, ((view.max - view.min) * SECOND) / bars.step);
    return { from, until, many: Math.max(1, Math.ceil(1.5 / pixels)), pixels };
  }

  function edges(plot, row, many) {
    const at = (index) => plot.valToPos(starts + (index * bars.step) / SECOND, "x", true);
    return [at(row), at(row + many)];
  }

  function drawCandles(plot) {
    clipped(plot, (pen) => {
      const { from, until, many } = columnsOf(plot);
      const y = (value) => plot.valToPos(Number(value) / 10 ** bars.pricePlaces, "y", true);
      for (let row = from - (from % many); row < until; row += many) {
        const one = many > 1 ? Grid.merged(bars, Math.max(0, row), Math.min(row + many, bars.rows))
          : { open: bars.open[row], high: bars.high[row], low: bars.low[row], close: bars.close[row] };
        if (one.close === null) continue;
        const [left, right] = edges(plot, row, many);
        const middle = (left + right) / 2;
        const wide = Math.max(1, Math.min(right - left - 1, (right - left) * 0.72));
        pen.fillStyle = one.close >= one.open ? theme.up : theme.down;
        const stem = Math.max(1, Math.min(devicePixelRatio, wide));
        const [top, bottom] = [y(one.high), y(one.low)];
        pen.fillRect(middle - stem / 2, top, stem, Math.max(1, bottom - top));
        const [a, b] = [y(one.open), y(one.close)];
        pen.fillRect(middle - wide / 2, Math.min(a, b), wide, Math.max(1, Math.abs(a - b)));
      }
    });
  }

  function drawProfile(plot) {
    if (!shown.profile || !day.profile.length) return;
    clipped(plot, (pen, { left, width }) => {
      const most = Math.max(...day.profile.map(([, , bought, sold]) => Number(bought) + Number(sold)));
      const room = width * 0.16;
      for (const [low, high, bought, sold, isValueArea] of day.profile) {
        pen.globalAlpha = isValueArea ? 0.34 : 0.18;
        const top = plot.valToPos(Number(high), "y", true);
        const tall = Math.max(1, plot.valToPos(Number(low), "y", true) - top - 1);
        const first = (Number(bought) / most) * room;
        const second = (Number(sold) / most) * room;
        pen.fillStyle = theme.up;
        pen.fillRect(left + width - first, top, first, tall);
        pen.fillStyle = theme.down;
        pen.fillRect(left + width - first - second, top, second, tall);
      }
    });
  }

  function drawVolume(plot) {
    clipped(plot, (pen) => {
      const { from, until, many } = columnsOf(plot);
      const y = (value) => plot.valToPos(Number(value) / 10 ** bars.volumePlaces, "y", true);
      const ground = y(0);
      for (let row = from - (from % many); row < until; row += many) {
        // Of bars thinner than a pixel the largest is drawn, so that the scale stays one bar's.
        let most = Math.max(0, row);
        for (let other = most; other < Math.min(row + many, bars.rows); other++) {
          if (bars.volume[other] > bars.volume[most]) most = other;
        }
        const volume = bars.volume[most];
        if (!(volume > bars.zero)) continue;
        const [left, right] = edges(plot, row, many);
        const wide = Math.max(1, Math.min(right - left - 1, (right - left) * 0.72));
        const at = (left + right - wide) / 2;
        const bought = bars.bought ? bars.bought[most] : null;
        if (bought === null) {
          pen.fillStyle = theme.vol;
          pen.fillRect(at, y(volume), wide, ground - y(volume));
          continue;
        }
        pen.fillStyle = theme.up;
        pen.fillRect(at, y(bought), wide, ground - y(bought));
        pen.fillStyle = theme.down;
        pen.fillRect(at, y(volume), wide, y(bought) - y(volume));
      }
    });
  }

  const line = (color, value) => ({ stroke: () => theme[color], width: 1.4, points: { show: false },
                                    spanGaps: false, ...value });
  const unseen = { paths: () => null, points: { show: false } };

  function panels() {
    const found = [{
      title: "Price, quote units", height: 330, main: true,
      labels: [...over.filter(({ name }) => shown[name]).map(({ label, tone }) => [label, tone]),
               ...(day.profile.length && shown.profile ? [["volume by price, bought and sold", "up"]] : [])],
      data: () => [float(bars.high, bars.pricePlaces), float(bars.low, bars.pricePlaces),
                   ...over.map(({ name }) => curveValues(name))],
      series: [unseen, unseen, ...over.map(({ name, tone }) => line(tone, { show: shown[name] }))],
      range: (data) => range([data[1], data[2]]),
      behind: drawProfile, draw: drawCandles, values: plain,
    }, {
      title: "Volume, base units", height: 110,
      labels: base.bought ? [["takers bought", "up"], ["takers sold", "down"]] : [],
      data: () => [float(bars.volume, bars.volumePlaces)], series: [unseen],
      range: (data) => range([data[1]], 0), draw: drawVolume, values: short,
    }];
    for (const { name, label, tone } of names.filter((one) => !one.over)) {
      found.push({
        title: label, height: 100, labels: [], values: percent,
        data: () => [curveValues(name)], series: [line(tone, {})],
        range: (data) => range([data[1]], 0),
      });
    }
    if (base.bid) {
      found.push({
        title: "Spread as each bar ends, quote units", height: 100, labels: [], values: plain,
        data: () => [float(bars.bid.map((bid, row) => (bid === null ? null : bars.ask[row] - bid)),
                           bars.pricePlaces)],
        series: [line("spread", {})],
        range: (data) => range([data[1]], 0),
      });
    }
    return found;
  }

  function timeLabels(plot, splits) {
    return splits.map((at) => (at < starts - 1 || at > ends + 1 ? "" : clock(at)));
  }

  function timeSplits(plot, axis, low, high) {
    const steps = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600];
    const most = Math.max(2, Math.floor(plot.bbox.width / devicePixelRatio / 72));
    const step = steps.find((one) => (high - low) / one <= most) || 21600;
    const first = Math.ceil((low - starts) / step);
    const count = Math.floor((high - starts) / step) - first + 1;
    return Array.from({ length: Math.max(0, count) }, (_, at) => starts + (first + at) * step);
  }

  function options(panel, width, isLast) {
    const axis = { font: "11px system-ui, Segoe UI, Roboto, Arial, sans-serif",
                   stroke: () => theme.muted, grid: { stroke: () => theme.grid, width: 1 },
                   ticks: { stroke: () => theme.grid, width: 1, size: 4 } };
    const labelled = panel.main || isLast;
    return {
      width, height: panel.height + (labelled ? 26 : 8), legend: { show: false }, pxAlign: 1,
      padding: [6, 28, 0, 0],
      cursor: { sync: { key: "day" }, points: { show: false }, y: Boolean(panel.main),
                drag: { x: true, y: false, dist: 4 },
                bind: { dblclick: () => () => { look(starts, ends); return null; } } },
      scales: { x: { time: true, auto: false, range: (_, low, high) => [low, high] },
                y: { auto: true, range: (plot) => panel.range(plot.data) } },
      axes: [
        { ...axis, size: labelled ? 26 : 8, splits: timeSplits, gap: 3,
          values: (plot, splits) => (labelled ? timeLabels(plot, splits) : splits.map(() => "")) },
        { ...axis, size: width < 500 ? 58 : 74, gap: 4, space: 26,
          values: (_, splits) => splits.map((one) => panel.values(one, splits)) },
      ],
      series: [{}, ...panel.series],
      hooks: {
        drawClear: [(plot) => { drawMarks(plot, panel.main); }],
        drawAxes: [(plot) => { if (panel.behind) panel.behind(plot); if (panel.draw) panel.draw(plot); }],
        setScale: [(plot, key) => { if (key === "x") follow(plot); }],
        setCursor: panel.main ? [(plot) => readAt(inside(plot) ? plot.cursor.idx : null)] : [],
      },
    };
  }

  const inside = (plot) => plot.cursor.left !== null && plot.cursor.left >= 0;

  let isFollowing = false;
  function follow(plot) {
    const { min, max } = plot.scales.x;
    if (isFollowing || min === null || (min === view.min && max === view.max)) return;
    look(min, max);
  }

  /* Show a stretch of the day in every panel: never less than five bars, never beyond the day. */
  function look(min, max) {
    const least = (5 * bars.step) / SECOND;
    const wide = Math.min(Math.max(max - min, least), ends - starts);
    const from = Math.min(Math.max((min + max - wide) / 2, starts), ends - wide);
    view.min = from;
    view.max = from + wide;
    isFollowing = true;
    for (const { plot } of plots) plot.setScale("x", { min: view.min, max: view.max });
    isFollowing = false;
    readAt(null);
  }

  function zoom(factor, around) {
    const at = around === undefined ? (view.min + view.max) / 2 : around;
    look(at - (at - view.min) * factor, at + (view.max - at) * factor);
  }

  function pan(share) {
    const by = (view.max - view.min) * share;
    look(view.min + by, view.max + by);
  }

  function feed() {
    const at = middles();
    isFollowing = true;
    for (const { plot, panel } of plots) {
      plot.setData([at, ...panel.data()], false);
      plot.setScale("x", { min: view.min, max: view.max });
    }
    isFollowing = false;
    readAt(null);
  }

  function choose(step) {
    bars = Grid.rolled(base, step);
    if (plots.length) feed();
  }

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const names = ["ink", "muted", "grid", "up", "down", "fast", "slow", "vwap", "vol", "spread", "paper",
      "mark-missing", "mark-denied", "mark-healed", "mark-halt", "mark-unheard"];
    theme = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  }

  function element(tag, text, more) {
    return Object.assign(document.createElement(tag), text === null ? {} : { textContent: text }, more || {});
  }

  function build() {
    for (const { plot } of plots) plot.destroy();
    box.replaceChildren();
    const wanted = panels();
    const width = box.clientWidth;
    const at = middles();
    plots = wanted.map((panel, index) => {
      const holder = element("div", null, { className: "panel" });
      const title = element("h3", panel.title);
      for (const [label, tone] of panel.labels) {
        const told = element("span", label);
        told.style.setProperty("--tone", `var(--${tone})`);
        title.append(told);
      }
      holder.append(title);
      box.append(holder);
      const plot = new uPlot(options(panel, width, index === wanted.length - 1), [at, ...panel.data()], holder);
      return { plot, panel };
    });
    look(view.min, view.max);
  }

  /* ---- what can be pressed ---- */

  /* From a little before the first trade to a little after the last. */
  function tradedSpan() {
    const rows = base.volume.map((one, row) => (one > base.zero ? row : -1)).filter((row) => row >= 0);
    if (!rows.length) return [starts, starts];
    const step = base.step / SECOND;
    const [from, until] = [starts + rows[0] * step, starts + (rows[rows.length - 1] + 1) * step];
    const room = Math.max((until - from) * 0.03, 5 * step);
    return [from - room, until + room];
  }

  function tools() {
    const steps = Object.keys(NAMES).map((one) => one * SECOND).filter((one) => one >= base.step);
    const usual = box.clientWidth < 700 ? 900 * SECOND : 300 * SECOND;
    const set = element("fieldset", null);
    set.append(element("legend", "Bars of"));
    for (const step of steps) {
      const label = element("label", null);
      const input = element("input", null, { type: "radio", name: "interval", value: NAMES[step / SECOND],
        checked: step === Math.max(usual, base.step), onchange: () => choose(step) });
      label.append(input, NAMES[step / SECOND]);
      set.append(label);
    }
    const [from, until] = tradedSpan();
    const isShort = until > from && until - from < (ends - starts) / 2;
    const buttons = element("fieldset", null);
    for (const [text, name, act] of [["−", "Zoom out", () => zoom(2)], ["+", "Zoom in", () => zoom(0.5)],
      ["←", "Earlier", () => pan(-0.25)], ["→", "Later", () => pan(0.25)],
      ["Whole day", "Show the whole day", () => look(starts, ends)],
      ...(isShort ? [["Traded", "Show from the first trade to the last", () => look(from, until)]] : [])]) {
      const button = element("button", text, { type: "button", title: name, onclick: act });
      button.setAttribute("aria-label", name);
      buttons.append(button);
    }
    const ticks = element("fieldset", null);
    for (const [key, text, tone] of [...over.map(({ name, label, tone }) => [name, label, tone]),
      ["profile", day.profile.length && "volume by price", "up"], ["marks", day.marks.length && "marks", "mark-missing"]]) {
      if (!text) continue;
      const label = element("label", null, { className: "tick" });
      label.style.setProperty("--tone", `var(--${tone})`);
      label.append(element("input", null, { type: "checkbox", checked: shown[key], name: key,
        onchange: (event) => { shown[key] = event.target.checked; build(); } }), text);
      ticks.append(label);
    }
    toolbar.append(set, buttons, ticks);
    bars = Grid.rolled(base, Math.max(usual, base.step));
  }

  /* Move the cross-hair to a bar in every panel, as the mouse would. */
  function point(index) {
    const [from, until] = visible();
    const row = Math.min(Math.max(index, from), until - 1);
    const at = starts + ((row + 0.5) * bars.step) / SECOND;
    for (const { plot } of plots) {
      const price = plot.data[1][row];
      const top = price === null ? 0 : plot.valToPos(price, "y");
      plot.setCursor({ left: plot.valToPos(at, "x"), top });
    }
  }

  function keys(event) {
    const { plot } = plots[0];
    const index = inside(plot) && plot.cursor.idx !== null ? plot.cursor.idx : null;
    const [from, until] = visible();
    const moves = {
      ArrowLeft: () => (event.shiftKey ? pan(-0.1) : point(index === null ? until - 1 : index - 1)),
      ArrowRight: () => (event.shiftKey ? pan(0.1) : point(index === null ? from : index + 1)),
      "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), "−": () => zoom(2),
      0: () => look(starts, ends), Home: () => point(from), End: () => point(until - 1),
      Escape: () => { for (const one of plots) one.plot.setCursor({ left: -10, top: -10 }); },
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !moves[event.key]) return;
    event.preventDefault();
    reading.setAttribute("aria-live", "polite");
    moves[event.key]();
  }

  function wheel(event) {
    if (!event.ctrlKey && !event.shiftKey) return;
    event.preventDefault();
    const { plot } = plots[0];
    if (event.shiftKey) { pan(Math.sign(event.deltaY || event.deltaX) * 0.1); return; }
    zoom(event.deltaY > 0 ? 1.25 : 0.8, plot.posToVal(event.clientX - plot.rect.left, "x"));
  }

  reading.setAttribute("aria-live", "off");
  colours();
  tools();
  build();
  box.addEventListener("keydown", keys);
  box.addEventListener("wheel", wheel, { passive: false });
  box.addEventListener("mousemove", () => reading.setAttribute("aria-live", "off"));
  const again = () => { colours(); build(); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  matchMedia("print").addEventListener("change", again);
  let width = box.clientWidth;
  new ResizeObserver(() => {
    if (box.clientWidth === width) return;
    width = box.clientWidth;
    for (const { plot } of plots) plot.setSize({ width, height: plot.height });
  }).observe(box);
  document.documentElement.dataset.ready = "yes";
})();
