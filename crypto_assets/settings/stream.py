"""What can be set of the stream into the warehouse."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from crypto_assets.errors import InvalidSettings
from crypto_assets.model.stream import stream_name

NATS_VARIABLE = "CRYPTO_ASSETS_NATS_URL"
_NATS_SCHEMES = ("nats", "tls", "ws", "wss")


class Stream(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Through which broker recorded trades go, and where they are written."""

    broker: Literal["nats", "pubsub"] = "nats"
    name: str = "trades"
    """Of the stream or topic, and what NATS subjects begin with: ``trades.binance.BTCUSDT``."""
    url: str = "nats://127.0.0.1:4222"
    """Of NATS; several servers of a cluster with commas between. No secret may be in it."""
    credentials: str | None = None
    """A file of NATS credentials; a relative one is below the settings file's directory."""
    replicas: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1
    """On so many servers of a NATS cluster each message is kept."""
    max_mb: Annotated[int, msgspec.Meta(ge=1)] = 1024
    """So much waits in NATS at most; then publishing waits."""
    duplicate_seconds: Annotated[float, msgspec.Meta(gt=0)] = 120
    """So long NATS remembers ids and drops repeats by itself."""
    project: str | None = None
    """The Google project of a Pub/Sub topic."""
    warehouse: Literal["duckdb", "bigquery"] = "duckdb"
    """Where the table ``trade_stream`` is."""
    batch_rows: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 10_000
    """So many messages are written at once at most ..."""
    batch_seconds: Annotated[float, msgspec.Meta(gt=0, le=20)] = 1.0
    """... and what came in so long at the latest."""
    redeliver_seconds: Annotated[int, msgspec.Meta(ge=2, le=600)] = 30
    """What a consumer took and did not acknowledge for so long comes again; more than a batch
    takes to be written. Pub/Sub knows none below 10."""

    @property
    def destination(self) -> str:
        """What the broker is called where it is noted what was published to it."""
        named = self.name if self.broker == "nats" else f"{self.project}.{self.name}"
        return f"{self.broker}.{named}"


def without_secret(url: str) -> str:
    """Give host and port of an address, and nothing else of it."""
    return urlsplit(url).netloc.rpartition("@")[2]


def is_nats(url: str) -> bool:
    """Whether a URL is an address of NATS."""
    found = urlsplit(url)
    return found.scheme in _NATS_SCHEMES and bool(found.netloc.rpartition("@")[2])


def hold_usable(stream: Stream) -> None:
    """Hold what is streamed, and through what, against what can be used.

    Raises:
        InvalidName: the stream's name is none.
        InvalidSettings: an address is none or holds a secret, or Pub/Sub lacks its project.
    """
    stream_name(stream.name)
    for url in stream.url.split(","):
        if "@" in url:
            raise InvalidSettings(
                f"[stream] url: expected no user, password or token in the file, found one; put "
                f"the address into {NATS_VARIABLE}",
            )
        if not is_nats(url):
            raise InvalidSettings(
                f"[stream] url {url!r}: expected an address such as nats://127.0.0.1:4222",
            )
    if stream.broker == "pubsub" and stream.project is None:
        raise InvalidSettings("[stream] broker = 'pubsub': expected a project, found none")
