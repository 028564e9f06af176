"use strict";
/* Bars of a page: unpacked from their grids, exact, and merged into longer ones.
   Prices and volumes are whole numbers of `places` decimals: Numbers while those are exact, BigInts
   beyond. A price that is not known is null. */
const Grid = (() => {
  async function inflate(text) {
    const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  /* Every column by name: {values, places, big}. */
  async function unpack(grid) {
    const bytes = await inflate(grid.packed);
    const big = grid.columns.some((one) => one.is_big);
    const found = {};
    let at = 0;
    for (const { name, places, planes, is_signed } of grid.columns) {
      const values = new Array(grid.rows);
      for (let row = 0; row < grid.rows; row++) {
        let value = big ? 0n : 0;
        for (let plane = planes - 1; plane >= 0; plane--) {
          const byte = bytes[at + plane * grid.rows + row];
          value = big ? value * 256n + BigInt(byte) : value * 256 + byte;
        }
        values[row] = is_signed ? unzigzag(value) : value;
      }
      found[name] = { values, places };
      at += planes * grid.rows;
    }
    return { columns: found, big, rows: grid.rows, step: grid.step_us };
  }

  function unzigzag(value) {
    if (typeof value === "bigint") return value & 1n ? -(value + 1n) / 2n : value / 2n;
    return value % 2 ? -(value + 1) / 2 : value / 2;
  }

  /* Bars as columns of equal length. */
  async function bars(grid) {
    const { columns, big, rows, step } = await unpack(grid);
    const zero = big ? 0n : 0;
    const values = (name) => columns[name] && columns[name].values;
    const [hasPrice, hasQuote] = [values("has_price"), values("has_quote")];
    const [open, high, low, close] = ["open", "high", "low", "close"].map(values);
    const [bid, ask, bought, sold] = ["bid", "ask", "bought", "sold"].map(values);
    const volume = values("volume") || bought.map((one, row) => one + sold[row]);
    let last = zero;
    for (let row = 0; row < rows; row++) {
      open[row] = last + open[row];
      close[row] = last = open[row] + close[row];
      high[row] += open[row] > close[row] ? open[row] : close[row];
      low[row] = (open[row] < close[row] ? open[row] : close[row]) - low[row];
      if (bid) {
        bid[row] += last;
        ask[row] += bid[row];
        if (!hasQuote[row]) bid[row] = ask[row] = null;
      }
      if (!hasPrice[row]) open[row] = high[row] = low[row] = close[row] = null;
    }
    const count = values("trade_count") ? values("trade_count").map(Number) : null;
    return {
      step, rows, zero, open, high, low, close, volume, bought: bought || null, count,
      bid: bid || null, ask: ask || null, complete: values("is_complete").map(Boolean),
      pricePlaces: columns.open.places, volumePlaces: (columns.volume || columns.bought).places,
    };
  }

  function traded(of, row) {
    return of.count ? of.count[row] > 0 : of.close[row] !== null && of.volume[row] > of.zero;
  }

  /* One bar of the rows from..until-1: prices of those with trades alone; without any, the last
     close; volumes and counts add up; quotes are those of the last row. */
  function merged(of, from, until) {
    let [open, high, low, close] = [null, null, null, null];
    let [volume, bought, count, complete] = [of.zero, of.zero, 0, true];
    for (let row = from; row < until; row++) {
      volume += of.volume[row];
      if (of.bought) bought += of.bought[row];
      if (of.count) count += of.count[row];
      complete = complete && of.complete[row];
      if (!traded(of, row)) continue;
      if (open === null) open = of.open[row];
      if (high === null || of.high[row] > high) high = of.high[row];
      if (low === null || of.low[row] < low) low = of.low[row];
      close = of.close[row];
    }
    const last = until - 1;
    if (open === null) open = high = low = close = of.close[last];
    return {
      open, high, low, close, volume, complete, bought: of.bought ? bought : null,
      count: of.count ? count : null, bid: of.bid ? of.bid[last] : null,
      ask: of.ask ? of.ask[last] : null,
    };
  }

  /* Bars of a longer step. */
  function rolled(of, step) {
    if (step === of.step) return of;
    const many = step / of.step;
    const rows = Math.ceil(of.rows / many);
    const names = ["open", "high", "low", "close", "volume", "complete", "bought", "count", "bid", "ask"];
    const found = { ...of, step, rows };
    for (const name of names) found[name] = of[name] ? new Array(rows) : null;
    for (let row = 0; row < rows; row++) {
      const one = merged(of, row * many, Math.min((row + 1) * many, of.rows));
      for (const name of names) if (found[name]) found[name][row] = one[name];
    }
    return found;
  }

  /* A whole number of so many decimals as text, with every digit but zeros at the end. */
  function text(value, places) {
    if (value === null || value === undefined) return "–";
    const sign = value < 0 ? "−" : "";
    const digits = BigInt(value).toString().replace("-", "").padStart(places + 1, "0");
    const whole = digits.slice(0, digits.length - places).replace(/\B(?=(\d{3})+$)/g, ",");
    const rest = places ? digits.slice(-places).replace(/0+$/, "") : "";
    return sign + whole + (rest ? "." + rest : "");
  }

  return { unpack, bars, merged, rolled, text };
})();
