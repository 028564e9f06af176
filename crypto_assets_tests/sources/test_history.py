"""Old trades by id, and which ids were traded at all."""

from __future__ import annotations

import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from crypto_assets.errors import Refused, StreamLost
from crypto_assets.exchange import FLAT_OUT, PAUSED, Remote, random_market, run_in_thread
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.interval import SECOND_US, Interval
from crypto_assets.model.partition import Partition
from crypto_assets.sources.budget import Budget
from crypto_assets.sources.history import TradeHistory
from crypto_assets.venues import venue

DAY = Partition.of("binance", "BTCUSDT", "2025-03-04")
MARKET = random_market(["BTCUSDT"], DAY.start_us, 600, 10, seed=3)
TAPE = MARKET.tapes["BTCUSDT"]
FIRST = int(TAPE.ids[0])


def history(exchange: Remote) -> TradeHistory:
    return TradeHistory(exchange.http_url, Budget(limit=10**6), sleep=lambda _: None)


def test_trades_come_as_the_archive_writes_them() -> None:
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.jump(MARKET.end_us)
        lines = history(exchange).lines("BTCUSDT", FIRST + 5, 3)
    assert [int(line.split(",")[0]) for line in lines] == [FIRST + 5, FIRST + 6, FIRST + 7]
    row = TAPE.trades.row(5, named=True)
    assert lines[0].split(",")[1:5] == [
        str(row["price"]),
        str(row["quantity"]),
        str(row["quote"]),
        str(row["time_us"]),
    ]


def test_aggregates_cover_every_id_between_two_instants_over_pages() -> None:
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.jump(MARKET.end_us)
        found = history(exchange).covered("BTCUSDT", (DAY.start_us, DAY.end_us))
        assert exchange.counters.requests["aggTrades"] > 1
        middle = history(exchange).covered("BTCUSDT", (TAPE.first_us, TAPE.first_us))
    assert found == Coverage.of([(FIRST, FIRST + TAPE.trades.height - 1)])
    assert middle.first == FIRST
    assert len(middle) < 100


def test_a_refusal_is_told_from_a_server_that_may_be_asked_again() -> None:
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.inject({"unserved": ["historicalTrades"]})
        with pytest.raises(Refused, match="404"):
            history(exchange).lines("BTCUSDT", FIRST, 1)
        assert exchange.counters.statuses == {404: 1}
        exchange.inject({"refuse": 418, "retry_after_s": 300})
        asked = history(exchange)
        for _ in range(3):
            with pytest.raises(StreamLost) as banned:
                asked.covered("BTCUSDT", (0, 1))
            assert 299 < banned.value.retry_after <= 300
        assert exchange.counters.statuses == {404: 1, 418: 1}


def test_a_server_error_is_asked_again_later_and_later() -> None:
    waited: list[float] = []
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.jump(MARKET.end_us)
        asked = TradeHistory(exchange.http_url, Budget(limit=10**6), sleep=waited.append)
        exchange.inject({"refuse": 503, "refuse_times": 4})
        assert len(asked.lines("BTCUSDT", FIRST, 2)) == 2
        assert waited == [1, 2, 4, 8]
        exchange.inject({"refuse": 500, "refuse_times": None})
        with pytest.raises(StreamLost, match="500"):
            asked.lines("BTCUSDT", FIRST, 2)
        assert exchange.counters.statuses == {503: 4, 200: 1, 500: 6}


def test_an_answer_that_does_not_come_is_asked_for_again() -> None:
    waited: list[float] = []
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        url = exchange.http_url
    asked = TradeHistory(url, Budget(limit=10**6), sleep=waited.append)
    with pytest.raises(StreamLost, match="refused"):
        asked.lines("BTCUSDT", FIRST, 2)
    assert waited == [1, 2, 4, 8, 10]


def aggregate_lines() -> list[str]:
    return [
        f"{row['agg_id']},{row['price']},{row['quantity']},{row['first_id']},{row['last_id']},"
        f"{row['time_us']},{row['is_buyer_maker']},True"
        for row in TAPE.aggregates.iter_rows(named=True)
    ]


def test_aggregates_come_as_the_archive_writes_them_each_once() -> None:
    expected = aggregate_lines()
    assert len(expected) > 2_000
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.jump(MARKET.end_us)
        pages = list(history(exchange).aggregates("BTCUSDT", (DAY.start_us, DAY.end_us)))
        assert [line for page in pages for line in page] == expected
        assert all(pages)
        middle = TAPE.aggregates.row(1_500, named=True)
        span = (middle["time_us"], DAY.end_us)
        later = [one for page in history(exchange).aggregates("BTCUSDT", span) for one in page]
        assert later == [one for one in expected if int(one.split(",")[5]) >= span[0]]
        until = (DAY.start_us, middle["time_us"])
        found = history(exchange).aggregates("BTCUSDT", until, middle["agg_id"] - 5)
        assert [one for page in found for one in page] == [
            one for one in expected[1_495:] if int(one.split(",")[5]) <= until[1]
        ]
        assert list(history(exchange).aggregates("BTCUSDT", (0, DAY.start_us - 1))) == []


class _Sparing(BaseHTTPRequestHandler):
    """Answers with fewer rows than it has; what it has none of any more is the end."""

    rows = tuple(
        {"a": k, "p": "1.0", "q": "2.0", "f": k, "l": k, "T": 10**15 + k, "m": True, "M": True}
        for k in range(50)
    )
    sizes: list[int]

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        at = int(asked["fromId"][0]) if "fromId" in asked else 3
        size = self.sizes.pop(0) if self.sizes else 1_000
        body = json.dumps(self.rows[at : at + size]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the server's name
        pass


@pytest.mark.parametrize("sizes", [[], [1], [7, 1, 20], [47], [46, 1], [1] * 47])
def test_pages_that_end_early_lose_and_repeat_nothing(sizes: list[int]) -> None:
    _Sparing.sizes = list(sizes)
    with HTTPServer(("127.0.0.1", 0), _Sparing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            found = TradeHistory(f"http://127.0.0.1:{server.server_port}")
            lines = [one for page in found.aggregates("X", (10**15, 10**16)) for one in page]
        finally:
            server.shutdown()
            thread.join()
    assert [int(one.split(",")[0]) for one in lines] == list(range(3, 50))


def kline_lines(exchange: Remote, interval: Interval, span: tuple[int, int]) -> list[str]:
    pages = list(history(exchange).klines("BTCUSDT", interval, span))
    assert all(pages)
    return [line for page in pages for line in page]


def test_klines_come_as_the_archive_writes_them_each_once() -> None:
    long = random_market(["BTCUSDT"], DAY.start_us, 2_500, 2, seed=5)
    tape = long.tapes["BTCUSDT"]
    with run_in_thread(long, pace=FLAT_OUT) as exchange:
        exchange.jump(DAY.start_us + 2_400 * SECOND_US)
        lines = kline_lines(exchange, Interval.SECOND, (DAY.start_us, DAY.end_us))
        assert exchange.counters.requests == {"time": 1, "klines": 3}
        part = kline_lines(
            exchange,
            Interval.SECOND,
            (DAY.start_us + 5 * SECOND_US, DAY.start_us + 7 * SECOND_US),
        )
    opens = [int(line.split(",")[0]) for line in lines]
    assert opens == list(range(DAY.start_us, DAY.start_us + 2_400 * SECOND_US, SECOND_US))
    assert part == lines[5:8]
    assert sum(int(line.split(",")[8]) for line in lines) == tape.trades_until(
        DAY.start_us + 2_400 * SECOND_US - 1,
    )
    decoded = venue("binance").decode_klines("\n".join(lines).encode() + b"\n", 1, "1s")
    assert (decoded.frame.height, decoded.dead) == (2_400, ())


def test_a_kline_that_is_still_open_is_not_given() -> None:
    with run_in_thread(MARKET, pace=PAUSED) as exchange:
        exchange.jump(DAY.start_us + 150 * SECOND_US)
        lines = kline_lines(exchange, Interval.MINUTE, (DAY.start_us, DAY.end_us))
        assert [int(line.split(",")[0]) - DAY.start_us for line in lines] == [0, 60 * SECOND_US]
        assert kline_lines(exchange, Interval.MINUTE, (DAY.end_us, DAY.end_us)) == []


def test_the_exchange_is_described_verbatim_and_tells_its_time() -> None:
    with run_in_thread(MARKET, pace=PAUSED) as exchange:
        exchange.jump(DAY.start_us + 5 * SECOND_US)
        asked = history(exchange)
        data = asked.exchange_info()
        with urllib.request.urlopen(f"{exchange.http_url}/api/v3/exchangeInfo") as plain:
            expected = json.loads(plain.read())
        assert data[:1] == b"{"
        assert json.loads(data)["symbols"] == expected["symbols"]
        assert 0 <= asked.server_time_us() - DAY.start_us - 5 * SECOND_US < SECOND_US
