"use strict";
(() => {
  const survey = JSON.parse(document.getElementById("survey").textContent);
  const [map, reading, tools, legend] = ["map", "reading", "tools", "legend"].map((id) =>
    document.getElementById(id));
  const DAY = 86400000;
  const HEIGHT = 22;
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const dayOf = (text) => Date.parse(text + "T00:00:00Z") / DAY;
  const dateOf = (day) => new Date(day * DAY).toISOString().slice(0, 10);
  for (const one of survey.symbols) {
    one.from = dayOf(one.first);
    one.until = one.from + one.conditions.length;
    one.linked = new Set(one.reported);
  }
  const venues = new Set(survey.symbols.map((one) => one.venue));
  const first = Math.min(...survey.symbols.map((one) => one.from));
  const until = Math.max(...survey.symbols.map((one) => one.until));
  let span = [first, until];
  let rows = [];
  let here = null;
  let places = null;
  let theme = {};

  const put = (tag, text, more) =>
    Object.assign(document.createElement(tag), text === undefined ? {} : { textContent: text }, more || {});
  const many = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const names = ["confirmed", "complete", "provisional", "degraded", "halted", "not_listed",
      "missing", "paper", "muted", "ink", "accent"];
    theme = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  }

  /* Where every day of the span begins, in pixels: a little room between months. */
  function lay() {
    const [from, to] = span;
    const count = to - from;
    const labels = matchMedia("(max-width: 600px)").matches ? 122 : 190;
    const room = map.clientWidth - labels - 4;
    const months = new Set();
    for (let day = from; day < to; day++) months.add(dateOf(day).slice(0, 7));
    const cell = Math.min(30, Math.max(2.4, (room - 3 * months.size) / count));
    const gap = cell >= 3.2 || months.size < 3 ? 3 : 2;
    const left = [];
    let [x, month] = [0, ""];
    for (let day = from; day <= to; day++) {
      const now = dateOf(day).slice(0, 7);
      if (month && now !== month && day < to) x += gap;
      month = now;
      left.push(Math.round(x));
      x += cell;
    }
    places = { left, cell, width: left[count] };
  }

  /* A day: told apart by form as well as by colour. */
  function cell(pen, x, y, width, height, condition) {
    const thin = Math.max(1, Math.round(height / 9));
    pen.fillStyle = theme[condition];
    if (condition === "halted") pen.fillRect(x, y + height / 2, width, height / 2);
    else if (condition === "not_listed") pen.fillRect(x, y + (height - thin) / 2, width, thin);
    else if (condition === "missing") {
      pen.fillRect(x, y, width, thin);
      pen.fillRect(x, y + height - thin, width, thin);
      if (width >= 6) {
        pen.fillRect(x, y, thin, height);
        pen.fillRect(x + width - thin, y, thin, height);
      }
    } else pen.fillRect(x, y, width, height);
    if (condition === "degraded") {
      pen.fillStyle = theme.paper;
      const notch = Math.max(2, Math.round(height / 4));
      if (width < 7) pen.fillRect(x, y + (height - notch) / 2, width, notch);
      else {
        pen.strokeStyle = theme.paper;
        pen.lineWidth = 1.6;
        const [cx, cy, arm] = [x + width / 2, y + height / 2, Math.min(width, height) / 4];
        pen.beginPath();
        pen.moveTo(cx - arm, cy - arm); pen.lineTo(cx + arm, cy + arm);
        pen.moveTo(cx + arm, cy - arm); pen.lineTo(cx - arm, cy + arm);
        pen.stroke();
      }
    }
    if (condition === "provisional" && width >= 7) {
      pen.fillStyle = theme.paper;
      pen.fillRect(x + width / 2 - 1, y + height / 2 - 1, 2, 2);
    }
  }

  function canvas(width, height) {
    const found = put("canvas");
    const ratio = devicePixelRatio || 1;
    found.width = Math.max(1, Math.round(width * ratio));
    found.height = Math.round(height * ratio);
    found.style.width = `${width}px`;
    found.style.height = `${height}px`;
    const pen = found.getContext("2d");
    pen.scale(ratio, ratio);
    return [found, pen];
  }

  const conditionAt = (one, day) =>
    day < one.from || day >= one.until ? null : survey.meanings[one.conditions[day - one.from]][0];

  function draw(row) {
    const { one, pen } = row;
    const { left } = places;
    pen.clearRect(0, 0, places.width, HEIGHT);
    const apart = places.cell >= 5 ? 1 : 0;
    for (let day = Math.max(one.from, span[0]); day < Math.min(one.until, span[1]); day++) {
      const at = day - span[0];
      const width = Math.min(left[at + 1], left[at] + Math.ceil(places.cell)) - left[at] - apart;
      cell(pen, left[at], 2, Math.max(1, width), HEIGHT - 4, conditionAt(one, day));
    }
    if (here && here.row === row) {
      const at = here.day - span[0];
      pen.strokeStyle = theme.ink;
      pen.lineWidth = 2;
      pen.strokeRect(left[at] - 0.5, 1, Math.max(3, Math.round(places.cell)) + (apart ? 0 : 1), HEIGHT - 2);
    }
  }

  function header() {
    const [found, pen] = canvas(places.width, 34);
    pen.font = "11px system-ui, Segoe UI, Roboto, Arial, sans-serif";
    pen.textBaseline = "middle";
    let [year, month, free] = ["", "", -1];
    for (let day = span[0]; day < span[1]; day++) {
      const x = places.left[day - span[0]];
      const date = dateOf(day);
      if (date.slice(0, 4) !== year) {
        year = date.slice(0, 4);
        pen.fillStyle = theme.ink;
        pen.fillText(year, x, 8);
      }
      if (date.slice(0, 7) !== month) {
        month = date.slice(0, 7);
        pen.fillStyle = theme.muted;
        const text = MONTHS[Number(date.slice(5, 7)) - 1];
        if (x > free && x + pen.measureText(text).width <= places.width) {
          pen.fillText(text, x, 25);
          free = x + pen.measureText(text).width + 4;
        }
      }
      if (places.cell >= 20) {
        pen.fillStyle = theme.muted;
        const text = String(Number(date.slice(8)));
        const at = x + (places.cell - pen.measureText(text).width) / 2;
        if (at > free) pen.fillText(text, at, 25);
      }
    }
    const row = put("div", undefined, { className: "row" });
    row.append(put("div", "", { className: "name" }), found);
    return row;
  }

  function build() {
    colours();
    lay();
    const wanted = filter.value.trim().toUpperCase();
    const shown = survey.symbols.filter((one) =>
      `${one.symbol} ${one.venue}`.toUpperCase().includes(wanted)
      && (!faulty.checked || /[dm]/.test(one.conditions)));
    here = null;
    rows = shown.map((one) => {
      const element = put("div", undefined, { className: "row" });
      const name = put("div", undefined, { className: "name" });
      const label = venues.size > 1 ? `${one.symbol} · ${one.venue}` : one.symbol;
      name.append(put("b", label, { title: `${one.symbol} on ${one.venue}` }), put("span", one.share));
      const [found, pen] = canvas(places.width, HEIGHT);
      element.append(name, found);
      return { one, element, pen, found };
    });
    for (const row of rows) {
      row.found.onmousemove = (event) => look(row, dayAt(event.offsetX));
      row.found.onclick = (event) => { look(row, dayAt(event.offsetX)); open(); };
      row.found.onmouseleave = () => look(null);
      draw(row);
    }
    const none = rows.length ? [] : [put("p", "No symbol is named so.", { className: "none" })];
    map.replaceChildren(header(), ...rows.map((row) => row.element), ...none);
    tell();
    document.documentElement.dataset.ready = "yes";
  }

  function dayAt(x) {
    let [low, high] = [0, places.left.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (places.left[middle] <= x) low = middle; else high = middle;
    }
    return span[0] + low;
  }

  function look(row, day) {
    const before = here;
    here = row ? { row, day: Math.min(Math.max(day, span[0]), span[1] - 1) } : null;
    if (before && before.row.element.isConnected) {
      before.row.element.classList.remove("here");
      draw(before.row);
    }
    if (here) {
      row.element.classList.add("here");
      draw(row);
      row.found.style.cursor = address() ? "pointer" : "default";
    }
    tell();
  }

  function address() {
    const { row: { one }, day } = here;
    if (!one.linked.has(day - one.from)) return null;
    const parts = [`venue=${one.venue}`, `symbol=${one.symbol}`, `date=${dateOf(day)}`, "report.html"];
    return [survey.reports, ...parts.map((part) => encodeURIComponent(part).replace("%3D", "="))].join("/");
  }

  function tell() {
    if (!here) {
      reading.replaceChildren(put("span", `${many(rows.length, "symbol")}, ${dateOf(span[0])} to ${dateOf(span[1] - 1)}.`));
      return;
    }
    const { row: { one }, day } = here;
    const at = day - one.from;
    const condition = conditionAt(one, day);
    const name = put("b", `${one.symbol} on ${one.venue}, ${dateOf(day)}: `);
    if (!condition) {
      reading.replaceChildren(name, put("span", at < 0 ? "before the first day stored" : "after the last day stored"));
      return;
    }
    const missing = one.missing[at] || 0;
    const sources = survey.sources[one.sources[at]];
    const facts = [survey.meanings[one.conditions[at]][1], many(one.rows[at], "trade")];
    if (missing) facts.push(`${many(missing, "id")} missing`);
    else if (one.rows[at]) facts.push("no id known to be missing");
    if (sources) facts.push(`from ${sources}`);
    facts.push(address() ? "Enter or a click opens its report" : "no report is written");
    reading.replaceChildren(name, put("b", condition.replace("_", " ")), put("span", `: ${facts.join("; ")}.`));
  }

  function open() {
    const found = here && address();
    if (found) location.href = found;
  }

  function move(down, right) {
    if (!rows.length) return;
    if (!here) { look(rows[0], span[1] - 1); } else {
      const at = Math.min(Math.max(rows.indexOf(here.row) + down, 0), rows.length - 1);
      look(rows[at], here.day + right);
    }
    const x = places.left[here.day - span[0]];
    const label = here.row.element.firstChild.offsetWidth;
    if (x < map.scrollLeft || x > map.scrollLeft + map.clientWidth - label - 20) {
      map.scrollLeft = x - (map.clientWidth - label) / 2;
    }
    here.row.element.scrollIntoView({ block: "nearest" });
  }

  map.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0],
      PageUp: [0, -30], PageDown: [0, 30], Home: [0, -1e6], End: [0, 1e6] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    reading.setAttribute("aria-live", "polite");
    if (moves[event.key]) move(...moves[event.key]);
    else if (event.key === "Enter") open();
    else if (event.key === "Escape") look(null);
    else return;
    event.preventDefault();
  });
  map.addEventListener("mousemove", () => reading.setAttribute("aria-live", "off"));

  const filter = put("input", undefined, { type: "search", placeholder: "Symbol, such as BTC", oninput: build });
  filter.setAttribute("aria-label", "Show only symbols that contain this text");
  const faulty = put("input", undefined, { type: "checkbox", onchange: build });
  const faultyLabel = put("label");
  faultyLabel.append(faulty, "only symbols with a degraded or missing day");
  tools.append(filter, faultyLabel);
  const years = [];
  for (let year = Number(dateOf(first).slice(0, 4)); year <= Number(dateOf(until - 1).slice(0, 4)); year++) years.push(year);
  if (years.length > 1) {
    const set = put("fieldset");
    const spans = [["All", [first, until]], ...years.map((year) =>
      [String(year), [Math.max(first, dayOf(`${year}-01-01`)), Math.min(until, dayOf(`${year + 1}-01-01`))]])];
    const buttons = spans.map(([text, of]) => put("button", text, { type: "button", onclick: () => {
      span = of;
      for (const one of buttons) one.setAttribute("aria-pressed", String(one.textContent === text));
      build();
    } }));
    const start = until - first > 800 ? spans.length - 1 : 0;
    span = spans[start][1];
    buttons.forEach((one, at) => one.setAttribute("aria-pressed", String(at === start)));
    set.append(...buttons);
    tools.append(set);
  }

  function key() {
    legend.replaceChildren(...Object.values(survey.meanings).map(([name, says, count]) => {
      const item = put("li", undefined, { title: says });
      const [swatch, pen] = canvas(14, 16);
      cell(pen, 0, 0, 14, 16, name);
      item.append(swatch, put("b", name.replace("_", " ")), put("span", count.toLocaleString("en")));
      return item;
    }));
  }

  function all() { build(); key(); }
  all();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
  matchMedia("print").addEventListener("change", all);
  let width = map.clientWidth;
  new ResizeObserver(() => {
    if (map.clientWidth !== width) { width = map.clientWidth; build(); }
  }).observe(map);
})();
