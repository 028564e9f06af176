"""Bars of any exchange that ccxt speaks to, through its own rate limiter, numbers as text.

One client an exchange, on one event loop: its limiter is the only one who knows what was asked, and
many symbols wait for it at once. ccxt takes a second or two to import, so it is imported by the
first question. That asyncio and not threads ask was measured: see ``bench/ohlcv.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

from crypto_assets.errors import (
    CryptoAssetsError,
    InvalidName,
    Refused,
    StreamLost,
    UnreadableInput,
)
from crypto_assets.model.listing import Listing
from crypto_assets.sources.refusal import UNAVAILABLE_FOR_LEGAL_REASONS, retry_after
from crypto_assets.transforms.ohlcv_pages import Ask, Row

if TYPE_CHECKING:
    from ccxt.async_support.base.exchange import Exchange

_T = TypeVar("_T")
_USUAL_LIMIT = 500
"""How many bars are asked for where ccxt does not know an exchange's limit."""
_LONGEST_WAIT_S = 120.0
"""Nobody is kept waiting for longer where an exchange wants to be left alone."""
_MS = 1_000
_BAR = 6
_TYPES = "fetchMarkets"


@dataclass(slots=True)
class _Answer:
    """What an exchange answered last, before ccxt made an error of it."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    def note(
        self,
        code: int,
        _reason: str,
        _url: str,
        _method: str,
        response_headers: Mapping[str, str],
        response_body: str,
        *_: object,
    ) -> str:
        """Take ccxt's place for a hook that is there to be taken; gives the body as it does."""
        self.status, self.headers = code, response_headers
        return response_body.strip()


@dataclass(slots=True)
class _Client:
    """One exchange: its client, its last answer, and until when it wants to be left alone."""

    ccxt: Exchange
    answer: _Answer = field(default_factory=_Answer)
    known_us: int = 0
    """An instant its clock has passed."""
    not_before: float = 0.0
    refused: str = ""
    """Why it will serve nobody here, once it has said so."""
    clock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while its clock is asked, so that many who wait for it ask once."""
    takes_end: bool = False
    """Whether ccxt translates ``until``; it would be sent as it is otherwise."""


class Bars:
    """Ask exchanges for bars while the ``async with`` lasts.

    Args:
        listings: all that will be asked for, so that no other kind of market is loaded.
        urls: where an exchange is, by its name in ccxt, instead of its own hosts.
    """

    def __init__(
        self,
        listings: Collection[Listing],
        urls: Mapping[str, str] | None = None,
    ) -> None:
        self._listings = listings
        self._urls = urls or {}
        self._clients: dict[str, _Client] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(client.ccxt.close() for client in self._clients.values()))

    async def passed_us(self, exchange: str, at_least: int) -> int:
        """Say an instant that the exchange's clock has passed, in us since 1970.

        Asks it only where no answer so far was as late as ``at_least``. An exchange that does not
        tell its time has this machine's.

        Raises:
            StreamLost: it cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not answer this.
            InvalidName: ccxt has no such exchange.
        """
        client = self._client(exchange)
        async with client.clock:
            if client.known_us >= at_least:
                return client.known_us
            if client.ccxt.has["fetchTime"]:
                now_ms = await self._asked(client, client.ccxt.fetch_time(), exchange)
            else:
                now_ms = client.ccxt.milliseconds()
            client.known_us = max(client.known_us, int(now_ms) * _MS)
            return client.known_us

    async def limit(self, listing: Listing, interval: str) -> int:
        """Say how many bars a page may hold.

        Raises:
            StreamLost: the exchange cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not answer this.
            InvalidName: it lists no such symbol, has no such interval, or is none ccxt has.
        """
        client = self._client(listing.exchange)
        known = client.ccxt.timeframes or {}
        if interval not in known:
            raise InvalidName(
                f"{listing}: expected an interval it has ({', '.join(known) or 'none'}), found "
                f"{interval!r}",
            )
        await self._asked(client, client.ccxt.load_markets(), listing)
        if listing.unified not in client.ccxt.markets:
            raise InvalidName(f"{listing}: expected a symbol that the exchange lists")
        found = client.ccxt.feature_value(listing.unified, "fetchOHLCV", "limit", _USUAL_LIMIT)
        return int(found)

    async def page(self, listing: Listing, interval: str, ask: Ask) -> list[Row]:
        """Ask for one page; gives what the exchange answers, whatever was asked for.

        Raises:
            StreamLost: the exchange cannot answer now; ``retry_after`` says when to ask again.
            Refused: it will not answer this.
            InvalidName: it does not know the symbol.
            UnreadableInput: a bar lacks one of its five numbers.
        """
        client = self._client(listing.exchange)
        # The end of the span is its last instant: both ends are inside.
        until = {"until": ask.end_us // _MS - 1} if client.takes_end else {}
        question = client.ccxt.fetch_ohlcv(
            listing.unified,
            interval,
            since=ask.start_us // _MS,
            limit=ask.limit,
            params=until,
        )
        return [_row(found, listing) for found in await self._asked(client, question, listing)]

    async def _asked(
        self,
        client: _Client,
        question: Coroutine[Any, Any, _T],
        subject: object,
    ) -> _T:
        """Ask when the exchange wants to be asked again, and translate what ccxt raises."""
        from ccxt.base.errors import BaseError

        loop = asyncio.get_running_loop()
        try:
            if client.refused:
                raise Refused(client.refused, UNAVAILABLE_FOR_LEGAL_REASONS)
            wait = client.not_before - loop.time()
            if wait > _LONGEST_WAIT_S:
                raise StreamLost(f"{subject}: wants to be left alone for {wait:.0f} s", wait)
            await asyncio.sleep(max(wait, 0))
            return await question
        except BaseError as error:
            # Nothing else ran since it answered.
            found = _translated(error, client.answer, subject)
            if isinstance(found, StreamLost):
                client.not_before = max(client.not_before, loop.time() + found.retry_after)
            if isinstance(found, Refused) and found.status == UNAVAILABLE_FOR_LEGAL_REASONS:
                client.refused = str(found)
            raise found from error
        finally:
            question.close()

    def _client(self, exchange: str) -> _Client:
        if exchange not in self._clients:
            self._clients[exchange] = self._made(exchange)
        return self._clients[exchange]

    def _made(self, exchange: str) -> _Client:
        import ccxt.async_support as ccxt

        if exchange not in ccxt.exchanges:
            raise InvalidName(f"exchange {exchange!r}: expected one of ccxt's, such as bybit")
        made = getattr(ccxt, exchange)({"enableRateLimit": True})
        if not made.has["fetchOHLCV"]:
            raise InvalidName(f"exchange {exchange!r}: expected one that gives bars")
        made.aiohttp_trust_env = True
        # What is not made a float needs no rounding: ccxt hands the exchange's own text on.
        made.number = str
        made.options["fetchCurrencies"] = False
        if exchange in self._urls:
            made.urls["api"] = _moved(made.urls["api"], self._urls[exchange].rstrip("/"))
        self._narrow(made)
        client = _Client(made, takes_end=_takes_end(made))
        made.on_rest_response = client.answer.note
        return client

    def _narrow(self, made: Exchange) -> None:
        """Have only the kinds of markets loaded that are asked for."""
        options = made.options.get(_TYPES)
        if not isinstance(options, dict) or "types" not in options:
            return
        wanted = {_kind(one.unified) for one in self._listings if one.exchange == made.id}
        kinds = [kind for kind in ("spot", "linear", "inverse", "option") if kind in wanted]
        made.options[_TYPES] = {**options, "types": kinds}


def _kind(unified: str) -> str:
    pair, _, contract = unified.partition(":")
    base, _, _ = pair.partition("/")
    settle, *rest = contract.split("-")
    if not settle:
        return "spot"
    if len(rest) > 1:
        return "option"
    return "inverse" if settle == base else "linear"


def _takes_end(made: Exchange) -> bool:
    """Whether the exchange's ``fetch_ohlcv`` reads ``until``; ccxt tells it in no other way."""
    code = type(made).fetch_ohlcv.__code__
    return "until" in code.co_consts or "handle_until_option" in code.co_names


def _moved(urls: Any, base: str) -> Any:
    """Put every address of a tree of them on another host; paths stay."""
    if isinstance(urls, dict):
        return {name: _moved(found, base) for name, found in urls.items()}
    return base + urlsplit(urls).path if isinstance(urls, str) else urls


def _row(found: list[Any], listing: Listing) -> Row:
    if len(found) < _BAR or any(value is None for value in found[:_BAR]):
        raise UnreadableInput(f"{listing}: expected a time and five numbers, found {found}")
    at, *numbers = found[:_BAR]
    first, high, low, last, volume = (str(number) for number in numbers)
    return (int(at) * _MS, first, high, low, last, volume)


def _translated(error: Exception, answer: _Answer, subject: object) -> CryptoAssetsError:
    """Make one of our errors of one of ccxt's."""
    from ccxt.base import errors

    said = f"{subject}: {type(error).__name__}: {error}"
    if error.__cause__ is not None and isinstance(error, errors.NetworkError):
        return StreamLost(said, 1.0)  # there was no answer
    if isinstance(error, errors.RestrictedLocation):
        return Refused(said, UNAVAILABLE_FOR_LEGAL_REASONS)
    if answer.status == UNAVAILABLE_FOR_LEGAL_REASONS:
        return Refused(said, answer.status)
    if isinstance(error, errors.OperationFailed):
        return StreamLost(said, retry_after(_header(answer.headers, "Retry-After")) or 1.0)
    if isinstance(error, errors.BadSymbol):
        return InvalidName(said)
    return Refused(said, answer.status)


def _header(headers: Mapping[str, str], name: str) -> str | None:
    return next((value for key, value in headers.items() if key.lower() == name.lower()), None)
