"""Binance's published daily files of trades and klines.

Source: the exchange's "Binance Public Data": a zip a symbol and day with a ``.CHECKSUM`` beside it,
published some time after the day has ended.
"""

from __future__ import annotations

import http
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from crypto_assets.errors import Refused, StreamLost
from crypto_assets.model.partition import Partition
from crypto_assets.sources.refusal import retry_after, will_not_serve

_TIMEOUT_S = 30
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Archive:
    """The archive on one host."""

    base_url: str = "https://data.binance.vision"

    def fetch(self, day: Partition, into: Path, interval: str | None = None) -> Path | None:
        """Download a day's file and its checksum into a directory.

        The file of trades, or of the klines of an interval such as ``1s``. Gives its path; None
        where it is not published.

        Raises:
            StreamLost: the server cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not serve this address.
        """
        symbol = day.instrument.symbol
        name = f"{symbol}-{interval or 'trades'}-{day.date.isoformat()}.zip"
        table = f"trades/{quote(symbol)}"
        if interval is not None:
            table = f"klines/{quote(symbol)}/{interval}"
        address = f"{self.base_url.rstrip('/')}/data/spot/daily/{table}/{quote(name)}"
        path = into / name
        if not _download(address, path):
            return None
        _download(f"{address}.CHECKSUM", into / f"{name}.CHECKSUM")
        return path


def _download(address: str, path: Path) -> bool:
    """Write what an address gives to a file; False where there is nothing."""
    import requests

    try:
        with requests.get(address, stream=True, timeout=_TIMEOUT_S) as answer:
            if answer.status_code == http.HTTPStatus.NOT_FOUND:
                return False
            if will_not_serve(answer.status_code):
                raise Refused(f"{address}: answered {answer.status_code}", answer.status_code)
            if answer.status_code != http.HTTPStatus.OK:
                raise StreamLost(
                    f"{address}: answered {answer.status_code}",
                    retry_after(answer.headers.get("Retry-After")),
                )
            with path.open("wb") as file:
                for chunk in answer.iter_content(_CHUNK):
                    file.write(chunk)
            expected = answer.headers.get("Content-Length")
    except requests.RequestException as error:
        raise StreamLost(f"{address}: {error}", 1.0) from error
    if expected is not None and path.stat().st_size != int(expected):
        raise StreamLost(f"{address}: expected {expected} bytes, found {path.stat().st_size}", 1.0)
    return True
