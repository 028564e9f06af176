"""The pages in a real Chromium: they ask for nothing, complain of nothing, and do what they say.

Run with ``make pages``. Skipped where no Chromium is installed.
"""

from __future__ import annotations

import datetime as dt
import http.server
import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crypto_assets.lake.lake import Lake
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import Interval
from crypto_assets.model.partition import Partition
from crypto_assets.model.report import DayCell, Survey, SymbolDays
from crypto_assets.model.verdict import Condition
from crypto_assets.pipeline.html_pages import write_completeness, write_report
from crypto_assets.pipeline.report import report_of
from crypto_assets.pipeline.survey import survey
from crypto_assets.sinks.page import day as day_page
from crypto_assets.sinks.page import heatmap
from crypto_assets.transforms.rollup import roll_up
from crypto_assets_tests.reported import DAYS, DEGRADED, GOOD, HALTED, HEALED, lake_of_days
from crypto_assets_tests.sinks.page.test_day import HOSTILE, report
from crypto_assets_tests.trials import chromium

PROGRAM = chromium.found()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed")
INTERVALS = {
    "1s": Interval.SECOND,
    "1m": Interval.MINUTE,
    "5m": Interval.FIVE_MINUTES,
    "15m": Interval.FIFTEEN_MINUTES,
    "1h": Interval.HOUR,
}
__all__ = ["report"]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return lake_of_days(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def browser() -> Iterator[chromium.Tab]:
    assert PROGRAM is not None
    with chromium.tab(PROGRAM) as found:
        yield found


@pytest.fixture
def tab(browser: chromium.Tab) -> Iterator[chromium.Tab]:
    """The tab with nothing kept of what came before; every test ends without a complaint."""
    browser.requests.clear()
    browser.complaints.clear()
    browser.dialogs.clear()
    browser.size(1240, 1400)
    browser.scheme("light")
    yield browser
    assert browser.complaints == []
    assert browser.dialogs == []
    assert all(url.startswith("file:///") for url in browser.requests)
    assert len(browser.requests) >= 1


def reading(tab: chromium.Tab) -> str:
    text: str = tab.run("document.getElementById('reading').innerText")
    return " ".join(text.split())


def choose(tab: chromium.Tab, interval: str) -> None:
    tab.run(f"document.querySelector('input[value=\"{interval}\"]').click()")


def over(tab: chromium.Tab, panel: int = 0) -> dict[str, float]:
    """Where a panel's plot is, in pixels of the window."""
    found: dict[str, float] = tab.run(
        f"(() => {{ const r = document.querySelectorAll('.u-over')[{panel}]"
        ".getBoundingClientRect(); return {x: r.x, y: r.y, w: r.width, h: r.height}; })()",
    )
    return found


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_every_kind_of_day_opens_without_a_request_or_a_complaint(
    tab: chromium.Tab,
    lake: Lake,
    day: Partition,
) -> None:
    path = write_report(lake, day).path
    has_charts = "<script>" in path.read_text()
    tab.open(path, "document.documentElement.dataset.ready" if has_charts else "document.body")
    assert [url.split("?")[0] for url in tab.requests] == [path.as_uri()]
    assert tab.run("document.querySelectorAll('canvas').length > 0") is has_charts


def test_the_browser_unpacks_exactly_the_bars(tab: chromium.Tab, lake: Lake) -> None:
    tab.open(write_report(lake, DEGRADED).path)
    found = tab.run(
        "Grid.bars(JSON.parse(document.getElementById('day').textContent).grids[0]).then((of) =>"
        " ['open', 'high', 'low', 'close'].map((name) => of[name].map((one) => one === null ? null"
        " : Grid.text(one, of.pricePlaces).replaceAll(',', ''))).concat([of.volume.map((one) =>"
        " Grid.text(one, of.volumePlaces).replaceAll(',', ''))]))",
    )
    bars = lake.scan("bars_1s", DEGRADED).collect()
    for name, texts in zip(("open", "high", "low", "close", "volume"), found, strict=True):
        values = [None if text is None else Decimal(text) for text in texts]
        assert values == bars[name].to_list(), name


@pytest.mark.parametrize("interval", INTERVALS)
def test_the_cross_hair_tells_exact_decimals_of_every_interval(
    tab: chromium.Tab,
    lake: Lake,
    interval: str,
) -> None:
    tab.open(write_report(lake, GOOD).path)
    choose(tab, interval)
    tab.run("document.getElementById('charts').focus()")
    bars = roll_up(lake.scan("bars_1s", GOOD), INTERVALS[interval]).collect()
    tab.press("Home")
    for at in range(3):
        row = bars.row(at, named=True)
        text = reading(tab)
        assert f"{row['ts_open']:%H:%M}" in text.split(" to ")[0]
        for label, name in (("O", "open"), ("H", "high"), ("L", "low"), ("C", "close")):
            assert f"{label} {shown(row[name])} " in text, text
        assert f"volume {shown(row['volume'])} " in text
        assert f"trades {row['trade_count']}" in text
        if interval != "1s":
            assert f"quote volume {shown(row['quote_volume'])}" in text
        tab.press("ArrowRight")


def shown(value: Decimal) -> str:
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def test_dragging_zooms_every_panel_and_a_double_click_shows_the_whole_day(
    tab: chromium.Tab,
    lake: Lake,
) -> None:
    tab.open(write_report(lake, GOOD).path)
    assert reading(tab).startswith("00:00 to 24:00 UTC")
    box = over(tab)
    y = box["y"] + 40
    left, right = box["x"] + box["w"] * 0.25, box["x"] + box["w"] * 0.5
    tab.mouse("mouseMoved", left, y)
    tab.mouse("mousePressed", left, y, "left", 1)
    tab.mouse("mouseMoved", (left + right) / 2, y, "left")
    tab.mouse("mouseMoved", right, y, "left")
    tab.mouse("mouseReleased", right, y, "left", 1)
    tab.mouse("mouseMoved", 5, 5)
    start, end = (text.strip() for text in reading(tab).split(" UTC")[0].split(" to "))
    assert "05:55" <= start <= "06:05"
    assert "11:55" <= end <= "12:05"
    for clicks in (1, 2):
        tab.mouse("mousePressed", left, y, "left", clicks)
        tab.mouse("mouseReleased", left, y, "left", clicks)
    tab.mouse("mouseMoved", 5, 5)
    assert reading(tab).startswith("00:00 to 24:00 UTC")


def test_the_mouse_points_at_the_bar_below_it_in_every_panel(
    tab: chromium.Tab,
    lake: Lake,
) -> None:
    tab.open(write_report(lake, GOOD).path)
    choose(tab, "1h")
    for panel in range(tab.run("document.querySelectorAll('.u-over').length")):
        box = over(tab, panel)
        for hour in (0, 7, 23):
            tab.mouse("mouseMoved", box["x"] + box["w"] * (hour + 0.9) / 24, box["y"] + 20)
            assert reading(tab).startswith(f"{hour:02}:00 to {hour + 1:02}:00 UTC")


def test_everything_works_by_keyboard(tab: chromium.Tab, lake: Lake) -> None:
    tab.open(write_report(lake, GOOD).path)
    tab.run("document.getElementById('charts').focus()")
    for _ in range(2):
        tab.press("+")
    assert reading(tab).startswith("09:00 to 15:00 UTC")
    tab.press("ArrowRight", shift=True)
    assert reading(tab).startswith("09:36 to 15:36 UTC")
    tab.press("End")
    last = reading(tab)
    tab.press("ArrowLeft")
    assert reading(tab) != last
    assert tab.run("document.getElementById('reading').getAttribute('aria-live')") == "polite"
    tab.press("Escape")
    tab.press("0")
    assert reading(tab).startswith("00:00 to 24:00 UTC")


def test_gaps_and_heals_are_painted_in_their_colours(tab: chromium.Tab, lake: Lake) -> None:
    for day, name in ((DEGRADED, "missing"), (HEALED, "healed")):
        tab.open(write_report(lake, day).path)
        assert painted(tab, name) > 20, name
        tab.run("document.querySelector('input[name=marks]').click()")
        assert painted(tab, name) == 0, name


def painted(tab: chromium.Tab, mark: str) -> int:
    """Count the pixels of the first panel that have a mark's colour."""
    count: int = tab.run(
        "(() => { const c = document.querySelector('canvas'); const probe ="
        " document.createElement('i'); probe.style.color ="
        f" getComputedStyle(document.documentElement).getPropertyValue('--mark-{mark}');"
        " document.body.append(probe); const want ="
        " getComputedStyle(probe).color.match(/\\d+/g).map(Number); probe.remove();"
        " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;"
        " for (let i = 0; i < d.length; i += 4) if (d[i] === want[0] && d[i + 1] === want[1]"
        " && d[i + 2] === want[2]) n++; return n; })()",
    )
    return count


def test_a_switch_of_the_scheme_repaints(tab: chromium.Tab, lake: Lake) -> None:
    tab.open(write_report(lake, GOOD).path)
    light = tab.run("getComputedStyle(document.body).backgroundColor")
    before = tab.run("document.querySelector('canvas').toDataURL()")
    tab.scheme("dark")
    tab.wait(f"document.querySelector('canvas').toDataURL() !== {json.dumps(before)}")
    assert tab.run("getComputedStyle(document.body).backgroundColor") != light


@pytest.mark.parametrize("day", [GOOD, DEGRADED, HALTED], ids=str)
def test_it_is_readable_at_390_pixels(tab: chromium.Tab, lake: Lake, day: Partition) -> None:
    tab.size(390, 900, mobile=True)
    tab.open(write_report(lake, day).path, "document.body")
    assert tab.run("document.documentElement.scrollWidth") == 390


def test_hostile_texts_stay_texts(tab: chromium.Tab, report: Any, tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    path.write_text(day_page.html(report))
    tab.open(path)
    assert tab.run("document.querySelectorAll('img').length") == 0
    assert tab.run("document.querySelectorAll('script:not([type])').length") == 3
    start = HOSTILE.split("\u2028", maxsplit=1)[0]
    assert tab.run(f"document.body.textContent.includes({json.dumps(start)})")


def test_the_policy_refuses_every_connection(tab: chromium.Tab, lake: Lake) -> None:
    asked: list[str] = []

    class Keeper(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

    with http.server.HTTPServer(("127.0.0.1", 0), Keeper) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        tab.open(write_report(lake, GOOD).path)
        said = tab.run(f"fetch('{url}/fetch').then(() => 'reached', () => 'refused')")
        tab.run(
            f"new Promise((done) => {{ const one = new Image(); one.onerror = one.onload = done;"
            f" one.src = '{url}/image'; }})",
        )
        server.shutdown()
    assert said == "refused"
    assert asked == []
    assert any("Content Security Policy" in one for one in tab.complaints)
    tab.complaints.clear()
    tab.requests[:] = [url for url in tab.requests if url.startswith("file:///")]


# The map of all days.


def many_days(symbols: int, days: int) -> Survey:
    kinds = list(Condition)
    first = dt.date(2024, 1, 1)
    return Survey(
        [
            SymbolDays(
                Instrument("binance", f"S{number:02}USDT"),
                [
                    DayCell(
                        date=first + dt.timedelta(days=at),
                        condition=kinds[(at * at + number) % len(kinds)],
                        rows=at,
                        missing=at % 3,
                        sources=("archive",),
                    )
                    for at in range(days)
                ],
            )
            for number in range(symbols)
        ],
    )


@pytest.mark.parametrize(("symbols", "days"), [(3, 5), (50, 365), (4, 1500)])
def test_a_map_of_any_size_is_drawn_and_can_be_filtered(
    tab: chromium.Tab,
    tmp_path: Path,
    symbols: int,
    days: int,
) -> None:
    path = tmp_path / "map.html"
    path.write_text(heatmap.html(many_days(symbols, days), tmp_path, tmp_path))
    tab.open(path)
    rows = "document.querySelectorAll('.row canvas').length - 1"
    assert tab.run(rows) == symbols
    tab.run(
        "(() => { const one = document.querySelector('input[type=search]'); one.value = 's01';"
        " one.dispatchEvent(new Event('input')); })()",
    )
    assert tab.run(rows) == 1
    assert "1 symbol, 20" in reading(tab)


CHARTS = "Boolean(document.documentElement?.dataset?.ready && document.getElementById('charts'))"


def test_keys_tell_every_day_and_enter_opens_its_report(tab: chromium.Tab, lake: Lake) -> None:
    target = write_report(lake, GOOD).path
    found = survey(lake)
    (days,) = [one.days for one in found.symbols if one.instrument == GOOD.instrument]
    tab.open(write_completeness(lake, found).path)
    tab.run("document.getElementById('map').focus()")
    tab.press("ArrowDown")
    tab.press("ArrowDown")
    tab.press("Home")
    for day in days:
        text = reading(tab)
        assert text.startswith(f"{GOOD.instrument.symbol} on binance, {day.date}: ")
        assert f": {day.condition.replace('_', ' ')}: " in text
        assert (f"{day.missing} ids missing" in text) is (day.missing > 0)
        assert ("opens its report" in text) is day.has_report
        tab.press("ArrowRight")
    tab.press("Home")
    tab.press("ArrowRight")
    tab.press("Enter")
    tab.wait(CHARTS)
    assert tab.run("location.href") == target.as_uri().replace("%3D", "=")


def test_a_click_opens_the_report_of_the_day_below_it(tab: chromium.Tab, lake: Lake) -> None:
    target = write_report(lake, GOOD).path
    tab.open(write_completeness(lake, survey(lake)).path)
    x, y = tab.run(
        "(() => { const r = document.querySelectorAll('.row canvas')[2].getBoundingClientRect();"
        " return [r.x, r.y]; })()",
    )
    found = ((x + step, y + 10) for step in range(1, 200))
    for x, y in found:
        tab.mouse("mouseMoved", x, y)
        if GOOD.date.isoformat() in reading(tab):
            break
    tab.mouse("mousePressed", x, y, "left", 1)
    tab.mouse("mouseReleased", x, y, "left", 1)
    tab.wait(CHARTS)
    assert tab.run("location.href") == target.as_uri().replace("%3D", "=")


def test_the_report_that_is_shown_is_that_of_the_lake(tab: chromium.Tab, lake: Lake) -> None:
    tab.open(write_report(lake, DEGRADED).path)
    text = tab.run("document.body.innerText")
    told = report_of(lake, DEGRADED)
    assert f"{told.rows:,}" in text
    bars = lake.scan("bars_1s", DEGRADED).select(pl.col("trade_count").sum()).collect().item()
    assert f"trades {bars}" in reading(tab)
