"""CoinGecko's answers: to the last digit, and what cannot be used is left out by name."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.errors import UnreadableInput
from crypto_assets.model.tables import PRICE_SNAPSHOTS, validate
from crypto_assets.venues.coingecko import MOST_AHEAD_US, MOST_STALE_US, read_chart, read_prices

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"
SIMPLE = (RECORDINGS / "coingecko-simple-price-2025-01-22.json").read_bytes()
CHART = (RECORDINGS / "coingecko-market-chart-2024-03-31.json").read_bytes()
NOW_US = 1_737_582_379_000_000
NOW_S = NOW_US // 1_000_000
COINS = ("bitcoin", "dai", "binancecoin")


def updated(body: bytes, at_s: int = NOW_S) -> bytes:
    """Add the time that is asked for with everything, and was not when this was recorded."""
    return body.replace(b"}", b',"last_updated_at":%d}' % at_s, body.count(b"}") - 1)


def entry(**fields: str) -> bytes:
    """An answer of one coin, its values written as they are."""
    fields = {"usd": "1.5", "last_updated_at": str(NOW_S), **fields}
    written = ",".join(f'"{name}":{value}' for name, value in fields.items())
    return f'{{"x":{{{written}}}}}'.encode()


def test_a_recorded_answer_is_read_to_the_last_digit() -> None:
    found = read_prices(updated(SIMPLE), COINS, ["eth"], NOW_US)
    assert found.skipped == ()
    assert found.rows.select("coin", "currency", "price", "market_cap").rows() == [
        ("binancecoin", "eth", Decimal("0.21387074"), None),
        ("bitcoin", "eth", Decimal("31.906046"), None),
        ("dai", "eth", Decimal("0.0003068"), None),
    ]
    assert found.rows["ts_updated"].unique().to_list() == [
        dt.datetime(2025, 1, 22, 21, 46, 19, tzinfo=dt.UTC),
    ]
    validate(found.rows, PRICE_SNAPSHOTS)


def test_a_recorded_answer_without_times_cannot_be_placed_and_fails() -> None:
    with pytest.raises(UnreadableInput, match="last_updated_at: expected seconds since 1970"):
        read_prices(SIMPLE, COINS, ["eth"], NOW_US)


def test_everything_that_is_asked_for_has_its_column() -> None:
    body = entry(usd_market_cap="1.9e12", usd_24h_vol="0.0", usd_24h_change="-3.25")
    (row,) = read_prices(body, ["x"], ["usd"], NOW_US).rows.iter_rows(named=True)
    assert row["market_cap"] == Decimal(1900000000000)
    assert row["volume_24h"] == 0
    assert row["change_24h"] == Decimal("-3.25")
    assert row["source"] == "simple_price"


@given(st.decimals("1e-18", "99999999999999999999", places=18, allow_nan=False).filter(bool))
def test_a_price_is_what_its_text_says_however_it_is_written(price: Decimal) -> None:
    for text in (f"{price:f}", f"{price:e}", str(price)):
        found = read_prices(entry(usd=text), ["x"], ["usd"], NOW_US)
        assert found.rows["price"].to_list() == [price]


def test_more_than_18_decimals_are_rounded_half_up() -> None:
    found = read_prices(entry(usd="1.2345678901234567891e-02"), ["x"], ["usd"], NOW_US)
    assert found.rows["price"].to_list() == [Decimal("0.012345678901234568")]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"usd": "null"}, "price: expected a number, found none"),
        ({"usd": "0"}, "price: expected more than 0, found 0"),
        ({"usd": "0e5"}, "price: expected more than 0, found 0"),
        ({"usd": "-1.5"}, "not negative, found '-1.5'"),
        ({"usd": '"1.5"'}, "expected a number, found '\"1.5\"'"),
        ({"usd": '"NaN"'}, "expected a number"),
        ({"usd": "true"}, "expected a number, found 'true'"),
        ({"usd": "{}"}, "expected a number, found '{}'"),
        ({"usd": "[1]"}, "expected a number"),
        ({"usd": "1e999999999"}, "at most 20 digits"),
        ({"usd": "1e20"}, "at most 20 digits"),
        ({"usd": "1e-19"}, "at least 1e-18"),
        ({"usd": "1e-999999999"}, "at least 1e-18"),
        ({"usd": "1" * 500}, "found one of 500 characters"),
        ({"last_updated_at": "null"}, "last_updated_at: expected seconds"),
        ({"last_updated_at": '"now"'}, "expected a number"),
        ({"last_updated_at": str(NOW_S + 301)}, "found 301 s ahead"),
        ({"last_updated_at": str(NOW_S - 90_000)}, "found 25 h ago"),
        ({"last_updated_at": str(NOW_S * 1000)}, "s ahead"),
    ],
)
def test_an_entry_that_cannot_be_used_is_left_out_with_its_reason(
    fields: dict[str, str],
    why: str,
) -> None:
    good = b'{"y":{"usd":2,"last_updated_at":%d},' % NOW_S
    found = read_prices(good + entry(**fields)[1:], ["x", "y"], ["usd"], NOW_US)
    assert found.rows["coin"].to_list() == ["y"]
    (skipped,) = found.skipped
    assert (skipped.coin, skipped.currency) == ("x", "usd")
    assert why in skipped.why


def test_an_update_at_the_edge_of_what_is_taken_is_taken() -> None:
    for at_us in (NOW_US + MOST_AHEAD_US, NOW_US - MOST_STALE_US):
        body = entry(last_updated_at=str(at_us // 1_000_000))
        assert read_prices(body, ["x"], ["usd"], NOW_US).rows.height == 1


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("usd_market_cap", "market_cap"),
        ("usd_24h_vol", "volume_24h"),
        ("usd_24h_change", "change_24h"),
    ],
)
def test_of_what_is_beside_the_price_the_value_alone_is_left_out(field: str, column: str) -> None:
    bad = read_prices(entry(**{field: '"much"'}), ["x"], ["usd"], NOW_US)
    assert bad.rows[column].to_list() == [None]
    (skipped,) = bad.skipped
    assert f"{column} left out" in skipped.why
    none = read_prices(entry(**{field: "null"}), ["x"], ["usd"], NOW_US)
    assert (none.rows[column].to_list(), none.skipped) == ([None], ())


def test_an_unknown_coin_or_currency_is_told() -> None:
    found = read_prices(entry(), ["x", "nonsense"], ["usd", "xyz"], NOW_US)
    assert found.rows.height == 1
    assert [str(one) for one in found.skipped] == [
        "x in xyz: price: expected a number, found none",
        "nonsense in usd: not in the answer: there is no such coin",
        "nonsense in xyz: not in the answer: there is no such coin",
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"x":',
        b'{"x":{"usd":NaN}}',
        b'{"x":{"usd":Infinity}}',
        b'{"x":1}',
        b"\xff\xfe",
        b"<html>Attention Required!</html>",
        b'{"status":{"error_code":429,"error_message":"slow down"}}',
        b'{"y":{"usd":1}}',
        b"[" * 100_000,
    ],
)
def test_an_answer_that_is_none_fails_and_shows_how_it_begins(body: bytes) -> None:
    with pytest.raises(UnreadableInput) as refused:
        read_prices(body, ["x"], ["usd"], NOW_US)
    assert "expected prices" in str(refused.value)
    assert len(str(refused.value)) < 800


@given(st.binary(max_size=200))
@settings(max_examples=50)
def test_no_bytes_do_anything_but_fail_clearly(body: bytes) -> None:
    for read in (
        lambda: read_prices(body, ["x"], ["usd"], NOW_US),
        lambda: read_chart(body, "x", "usd", (0, NOW_US), NOW_US),
    ):
        with pytest.raises(UnreadableInput):
            read()


def day(date: str) -> tuple[int, int]:
    start = int(dt.datetime.fromisoformat(date).replace(tzinfo=dt.UTC).timestamp()) * 1_000_000
    return start, start + 86_400_000_000


def test_a_recorded_chart_gives_the_points_of_the_day() -> None:
    found = read_chart(CHART, "ethereum", "usd", day("2024-04-01"), NOW_US)
    assert found.rows.select("ts_updated", "price", "market_cap", "source").rows() == [
        (
            dt.datetime(2024, 4, 1, tzinfo=dt.UTC),
            Decimal("71246.9514406015"),
            Decimal("1401370211582.37"),
            "market_chart",
        ),
        (
            dt.datetime(2024, 4, 1, 15, 1, 22, tzinfo=dt.UTC),
            Decimal("68887.7495158568"),
            Decimal("1355701979725.16"),
            "market_chart",
        ),
    ]
    validate(found.rows, PRICE_SNAPSHOTS)


def test_points_that_cannot_be_used_are_left_out_and_told() -> None:
    at = day("2024-04-01")[0] // 1_000
    chart = {
        "prices": [[at, 1], [at, 2], [at + 1, 0], [at + 2, None], [at + 3, "x"], [at], [None, 1]],
        "market_caps": [[at, -5]],
        "total_volumes": [],
    }
    found = read_chart(json.dumps(chart).encode(), "x", "usd", day("2024-04-01"), NOW_US)
    assert found.rows.select("price", "market_cap").rows() == [(Decimal(1), None)]
    assert len(found.skipped) == 5


def test_a_chart_of_other_days_only_fails() -> None:
    with pytest.raises(UnreadableInput, match="none that can be used"):
        read_chart(CHART, "ethereum", "usd", day("2024-05-01"), NOW_US)
