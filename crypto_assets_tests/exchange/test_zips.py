"""Zips of one member, read back by the standard library and by the lake."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.exchange.zips import zipped
from crypto_assets.lake.blocks import Block, blocks

MOMENT = dt.datetime(2025, 1, 2, 3, 4, 6, tzinfo=dt.UTC)


@given(
    st.lists(st.binary(max_size=5_000), max_size=5),
    st.datetimes(dt.datetime(1980, 1, 1), dt.datetime(2107, 12, 31)),  # noqa: DTZ001 - a zip's own
)
def test_what_was_put_in_comes_out(chunks: list[bytes], modified: dt.datetime) -> None:
    data = zipped("BTCUSDT-1s-2025-01-01.csv", chunks, modified)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (member,) = archive.infolist()
        assert member.filename == "BTCUSDT-1s-2025-01-01.csv"
        even = modified.second // 2 * 2
        assert member.date_time == (*modified.timetuple()[:5], even)
        assert archive.testzip() is None
        assert archive.read(member) == b"".join(chunks)
    assert data == zipped("BTCUSDT-1s-2025-01-01.csv", chunks, modified)


def test_the_lake_reads_it_and_another_date_is_other_bytes(tmp_path: Path) -> None:
    rows = b"".join(b"%d,%d\n" % (k, k * k) for k in range(50_000))
    data = zipped("a.csv", [rows[:100_000], rows[100_000:]], MOMENT)
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    found = [block.data for block in blocks(path) if isinstance(block, Block)]
    assert b"".join(found) == rows
    assert len(data) < len(rows) / 2
    assert zipped("a.csv", [rows], MOMENT + dt.timedelta(hours=1)) != data
