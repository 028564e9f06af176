"""How far this machine's clock is ahead of the exchange's."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from crypto_assets.errors import Refused, StreamLost
from crypto_assets.sources.feed import Feed
from crypto_assets.sources.refusal import retry_after, will_not_serve

_SAMPLES = 3
_LONGEST_ANSWER = 4096


@dataclass(frozen=True, slots=True)
class Offset:
    """One measurement; ``offset_us`` is true to half of ``round_trip_us``."""

    offset_us: int
    """Local minus exchange time: positive when this machine's clock is ahead."""
    round_trip_us: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One question to the exchange's clock: local wall and monotonic times, and its answer."""

    wall_ns: int
    asked_ns: int
    answered_ns: int
    server_us: int


def offset_of(samples: list[Sample]) -> Offset:
    """Take the sample of the shortest round trip, the answer given in its middle (RFC 5905)."""
    best = min(samples, key=lambda sample: sample.answered_ns - sample.asked_ns)
    round_trip = best.answered_ns - best.asked_ns
    middle_us = (best.wall_ns + round_trip // 2) // 1000
    return Offset(middle_us - best.server_us, round_trip // 1000)


def measure(feed: Feed, base: str, timeout: float = 3.0) -> Offset:
    """Ask the exchange's clock a few times over one connection; blocks, use it in a thread.

    Raises:
        StreamLost: it cannot be reached, does not answer in time, or not with a time.
        Refused: it answers that it will not serve this address.
    """
    found = urlsplit(base)
    kind = http.client.HTTPSConnection if found.scheme == "https" else http.client.HTTPConnection
    connection = kind(found.netloc, timeout=timeout)
    path = found.path.rstrip("/") + feed.time_path
    try:
        connection.connect()
        return offset_of([_ask(connection, path, feed) for _ in range(_SAMPLES)])
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise StreamLost(f"{base}: {type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _ask(connection: http.client.HTTPConnection, path: str, feed: Feed) -> Sample:
    wall, asked = time.time_ns(), time.monotonic_ns()
    connection.request("GET", path, headers={"X-MBX-TIME-UNIT": "MICROSECOND"})
    answer = connection.getresponse()
    answered = time.monotonic_ns()
    body = answer.read(_LONGEST_ANSWER)
    if answer.status != http.client.OK:
        said = f"{connection.host}: expected HTTP 200, found {answer.status}"
        if will_not_serve(answer.status):
            raise Refused(said, answer.status)
        raise StreamLost(said, retry_after(answer.getheader("Retry-After")))
    return Sample(wall, asked, answered, feed.server_time_us(body))
