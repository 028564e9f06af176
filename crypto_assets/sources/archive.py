"""The files an exchange publishes of finished days: downloaded with resume, listed, looked at.

Source: the exchange's "Binance Public Data": a zip a symbol and day with a ``.CHECKSUM`` beside it,
published some time after the day has ended and sometimes again later. The bucket that holds them is
listed as Amazon's "ListObjects" (version 1) says.
"""

from __future__ import annotations

import http
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote
from xml.etree import ElementTree as ET

from crypto_assets.errors import Refused, StreamLost, UnreadableInput
from crypto_assets.sources.budget import Allowance, Budget
from crypto_assets.sources.guard import Guard
from crypto_assets.sources.refusal import retry_after, will_not_serve
from crypto_assets.venues.venue import ArchiveFile

if TYPE_CHECKING:
    import requests

_T = TypeVar("_T")

CHECKSUM = ".CHECKSUM"
_TIMEOUT_S = (10, 30)
_CHUNK = 1 << 20
_TRIES, _TRIES_TO_REACH = 6, 3
"""A host that no connection can be made to, as without a network, is given up sooner."""
_LONGEST_PAUSE_S = 30.0
_PATIENCE_S = 900.0
"""A ban that lasts longer is not slept through: whoever asked is told how long it takes."""
_RETRY_AFTER_S = 60.0
_REFUSALS = (http.HTTPStatus.TOO_MANY_REQUESTS, http.HTTPStatus.IM_A_TEAPOT)
_SHA256 = re.compile(r"([0-9a-f]{64})(?:\s.*)?", re.DOTALL)
_S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class _Unreachable(StreamLost):
    """No connection could be made."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as the bucket's listing tells it."""

    key: str
    bytes: int


@dataclass(slots=True)
class Archive:
    """One archive: the host of its files and the address its bucket is listed at.

    Safe to use from several threads. Requests are sent one at a time until their status is known,
    so that after a 418 or 429 not one more goes out before ``Retry-After`` has passed; bodies
    arrive side by side.
    """

    base_url: str = "https://data.binance.vision"
    listing_url: str | None = None
    """By default the host's own root."""
    budget: Allowance = field(default_factory=Budget)
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    _guard: Guard = field(init=False)
    _one: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._guard = Guard(self.base_url, self.budget, self.sleep, self.now, _PATIENCE_S)

    def fetch(
        self,
        file: ArchiveFile,
        into: Path,
        progress: Callable[[int], None] = lambda _: None,
    ) -> Path | None:
        """Download a file, and its checksum where it has one, into a directory.

        Gives the file's path; None where it is not published. What a cut connection or a killed
        process left is gone on with, unless the file has changed meanwhile. ``progress`` is told
        of bytes as they come.

        Raises:
            StreamLost: the server cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not serve this address.
        """
        path = into / file.name
        into.mkdir(parents=True, exist_ok=True)
        with self._session() as session:
            part = _part(path)
            there = self._again(
                lambda: self._download(session, file, path, progress),
                lambda: part.stat().st_size if part.exists() else 0,
            )
            if not there:
                return None
            if file.has_checksum:
                told = self._again(lambda: self._text(session, file.key + CHECKSUM))
                if told is not None:
                    path.with_name(file.name + CHECKSUM).write_bytes(told)
        return path

    def checksum(self, file: ArchiveFile) -> str | None:
        """Read the sha256 that is published of a file, None where none is.

        Raises:
            StreamLost: the server cannot answer now.
            Refused: it will not serve this address.
            UnreadableInput: what is published is no sha256.
        """
        with self._session() as session:
            told = self._again(lambda: self._text(session, file.key + CHECKSUM))
        if told is None:
            return None
        found = _SHA256.fullmatch(told.decode(errors="replace"))
        if found is None:
            raise UnreadableInput(f"{file.key}{CHECKSUM}: expected a sha256, found {told[:80]!r}")
        return found[1]

    def size(self, file: ArchiveFile) -> int | None:
        """Say how many bytes a file has, None where it is not published.

        Raises:
            StreamLost: the server cannot answer now.
            Refused: it will not serve this address.
        """
        with self._session() as session:
            return self._again(lambda: self._head(session, file.key))

    def listing(self, folder: str) -> list[Listed]:
        """List every file directly below a path, in order of key.

        Raises:
            StreamLost: the server cannot answer now, or not with a listing.
            Refused: it will not serve this address.
        """
        return [
            Listed(str(found.findtext(f"{_S3}Key")), int(found.findtext(f"{_S3}Size") or 0))
            for page in self._pages(folder)
            for found in page.iter(f"{_S3}Contents")
        ]

    def folders(self, folder: str) -> list[str]:
        """Name every folder directly below a path, such as the symbols there ever were.

        Raises:
            StreamLost: the server cannot answer now, or not with a listing.
            Refused: it will not serve this address.
        """
        return [
            str(found.findtext(f"{_S3}Prefix")).removeprefix(folder).rstrip("/")
            for page in self._pages(folder)
            for found in page.iter(f"{_S3}CommonPrefixes")
        ]

    def _pages(self, folder: str) -> Iterator[ET.Element]:
        marker = ""
        with self._session() as session:
            while True:
                query = f"?delimiter=/&prefix={quote(folder)}&marker={quote(marker)}"
                told = self._again(lambda query=query: self._listed(session, query))  # type: ignore[misc]
                page = _parsed(told or b"", folder)
                yield page
                if page.findtext(f"{_S3}IsTruncated") != "true":
                    return
                following = page.findtext(f"{_S3}NextMarker") or _last_key(page)
                if following is None or following <= marker:
                    raise StreamLost(f"{folder}: the listing does not go on after {marker!r}", 1.0)
                marker = following

    @contextmanager
    def _session(self) -> Iterator[requests.Session]:
        import requests

        with requests.Session() as session:
            yield session

    def _address(self, key: str) -> str:
        return f"{self.base_url.rstrip('/')}/{quote(key)}"

    def _again(self, ask: Callable[[], _T], got: Callable[[], int] = lambda: 0) -> _T:
        """Ask until there is an answer: soon after a cut, later and later where it stays so.

        ``got`` says how much is there by now; a try that brought some of it is not in vain.
        """
        tries, held = 0, got()
        while True:
            try:
                return ask()
            except StreamLost as error:
                before, held = held, got()
                tries = 1 if held > before else tries + 1
                most = _TRIES_TO_REACH if isinstance(error, _Unreachable) else _TRIES
                if tries >= most or error.retry_after > _PATIENCE_S:
                    raise
                # Where the server said how long, whoever asks next waits that long in turn.
                pause = 0.0 if error.retry_after else min(2.0 ** (tries - 1), _LONGEST_PAUSE_S)
                self.sleep(pause)

    def _send(
        self,
        session: requests.Session,
        method: str,
        address: str,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        """Send one request and wait for its status, nobody else meanwhile."""
        import requests

        with self._one, self._guard.turn(0):
            try:
                answer = session.request(
                    method,
                    address,
                    headers=headers,
                    stream=True,
                    timeout=_TIMEOUT_S,
                )
            except requests.ConnectionError as error:
                raise _Unreachable(f"{address}: {error}") from error
            except requests.RequestException as error:
                raise StreamLost(f"{address}: {error}") from error
            if answer.status_code in _REFUSALS:
                pause = retry_after(answer.headers.get("Retry-After")) or _RETRY_AFTER_S
                self._guard.ban(pause)
                raise StreamLost(f"{address}: answered {answer.status_code}", pause)
        return answer

    def _text(self, session: requests.Session, key: str) -> bytes | None:
        """Give what lies at a key, None where nothing does."""
        return self._whole(self._send(session, "GET", self._address(key)))

    def _listed(self, session: requests.Session, query: str) -> bytes | None:
        root = self.listing_url or f"{self.base_url.rstrip('/')}/"
        return self._whole(self._send(session, "GET", root + query))

    def _whole(self, answer: requests.Response) -> bytes | None:
        import requests

        if answer.status_code == http.HTTPStatus.NOT_FOUND:
            answer.close()
            return None
        _hold(answer)
        try:
            return answer.content
        except requests.RequestException as error:
            raise StreamLost(f"{answer.url}: {error}") from error

    def _head(self, session: requests.Session, key: str) -> int | None:
        answer = self._send(session, "HEAD", self._address(key))
        with answer:
            if answer.status_code == http.HTTPStatus.NOT_FOUND:
                return None
            _hold(answer)
            return int(answer.headers.get("Content-Length", 0))

    def _download(
        self,
        session: requests.Session,
        file: ArchiveFile,
        path: Path,
        progress: Callable[[int], None],
    ) -> bool:
        """Write what an address gives to a file, behind what is there of it; False where nothing.

        The part that is there is told by the ETag it was sent with: a server that has another file
        by now sends that one from its start.
        """
        import requests

        part, tag = _part(path), path.with_name(f"{path.name}.etag")
        held = part.stat().st_size if part.exists() and tag.exists() else 0
        asked = {"Range": f"bytes={held}-", "If-Range": tag.read_text()} if held else None
        answer = self._send(session, "GET", self._address(file.key), asked)
        with answer:
            if answer.status_code == http.HTTPStatus.NOT_FOUND:
                return False
            if answer.status_code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink()
                raise StreamLost(f"{answer.url}: another file than was begun")
            _hold(answer)
            goes_on = answer.status_code == http.HTTPStatus.PARTIAL_CONTENT
            # A tag only ever stands beside bytes it was sent with; without one nobody could tell
            # whether the rest is of the same file.
            tag.unlink(missing_ok=True)
            if not goes_on:
                part.unlink(missing_ok=True)
            if "ETag" in answer.headers:
                tag.write_text(answer.headers["ETag"])
            size = int(answer.headers.get("Content-Length", -1))
            begun = held if goes_on else 0
            with part.open("ab" if goes_on else "wb") as writing:
                try:
                    for chunk in answer.iter_content(_CHUNK):
                        writing.write(chunk)
                        progress(len(chunk))
                except requests.RequestException as error:
                    raise StreamLost(f"{answer.url}: {error}") from error
        found = part.stat().st_size - begun
        if size not in (-1, found):
            raise StreamLost(f"{answer.url}: expected {size} bytes, found {found}")
        part.replace(path)
        tag.unlink(missing_ok=True)
        return True


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _hold(answer: requests.Response) -> None:
    """Translate a status other than success."""
    status = answer.status_code
    if status in (http.HTTPStatus.OK, http.HTTPStatus.PARTIAL_CONTENT):
        return
    answer.close()
    if will_not_serve(status):
        raise Refused(f"{answer.url}: answered {status}", status)
    raise StreamLost(
        f"{answer.url}: answered {status}",
        retry_after(answer.headers.get("Retry-After")),
    )


def _parsed(told: bytes, folder: str) -> ET.Element:
    try:
        # Nothing is expanded: the parser of Python 3.11 and later stops what would explode.
        page = ET.fromstring(told)  # noqa: S314
    except ET.ParseError as error:
        raise StreamLost(f"{folder}: expected a listing, found {told[:80]!r}", 1.0) from error
    if page.tag != f"{_S3}ListBucketResult":
        raise StreamLost(f"{folder}: expected a listing, found {page.tag}", 1.0)
    return page


def _last_key(page: ET.Element) -> str | None:
    """The last name of a page, where the listing goes on when it names no marker."""
    keys = [str(one.text) for one in page.iter(f"{_S3}Key")]
    keys += [str(one.findtext(f"{_S3}Prefix")) for one in page.iter(f"{_S3}CommonPrefixes")]
    return max(keys, default=None)
