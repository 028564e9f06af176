"""The market playing: what becomes due between two instants, as bytes for every listener."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crypto_assets.exchange import wire
from crypto_assets.exchange.encoder import Encoder
from crypto_assets.exchange.faults import GARBAGE, Disturbance, Faults, Ranges
from crypto_assets.exchange.klines import INTERVALS
from crypto_assets.exchange.market import Market
from crypto_assets.exchange.streams import KLINE, Session, Topic, topic
from crypto_assets.exchange.tape import NEVER, Ints, Tape
from crypto_assets.model.coverage import Coverage

_Hearing = tuple[tuple[str, ...], bool, str]


@dataclass(frozen=True, slots=True)
class _Due:
    """What one topic has to say: when, and the rows in the order they are sent."""

    times: Ints
    rows: range | list[int]


class Playback:
    """The market up to now, and the trades that faults kept from its listeners."""

    def __init__(self, market: Market, now_us: int) -> None:
        self.market = market
        self.now_us = now_us
        self.sent: Counter[str] = Counter()
        """Frames by kind."""
        self._encoder = Encoder()
        self._disturbances = {name: Disturbance() for name in market.tapes}

    def issued(self, symbol: str) -> tuple[int, int] | None:
        """Say the first and the last trade id that exist by now."""
        tape = self.market.tapes[symbol]
        count = tape.trades_until(self.now_us)
        return (int(tape.ids[0]), int(tape.ids[count - 1])) if count else None

    def dropped(self, symbol: str) -> Ranges:
        """Say the ids that faults kept out of the stream."""
        return list(Coverage.of(self._disturbances[symbol].dropped).ranges)

    def obey(self, faults: Faults) -> None:
        """Halt and resume symbols as the switches say, from now on."""
        for name, tape in self.market.tapes.items():
            is_break = name in faults.in_break
            stopped = is_break or name in faults.halted
            changed = tape
            if tape.hold and (not stopped or tape.hold.is_break != is_break):
                changed = changed.resumed(self.now_us)
            if stopped:
                changed = changed.held(self.now_us, is_break=is_break)
            if changed is not tape:
                self.market = self.market.replaced(changed)
                self._encoder.forget(name)

    def next_us(self, batch: int) -> int | None:
        """Find the instant by which about a batch of events more is due; None at the end."""
        found = []
        for tape in self.market.tapes.values():
            for due in (tape.trade_due, tape.quote_due):
                at = int(np.searchsorted(due, self.now_us, side="right"))
                left = due[at : at + batch]
                left = left[left < NEVER]
                if len(left):
                    found.append(int(left[-1]))
        return min(found, default=None)

    def jump(self, now_us: int) -> None:
        """Let it be later; what was due in between is in REST only."""
        self.now_us = max(self.now_us, now_us)

    def advance(
        self,
        now_us: int,
        audience: Sequence[Session],
        faults: Faults,
        *,
        silent: bool = False,
    ) -> list[bytes]:
        """Let it be later; gives what each listener is sent, in order of time."""
        after, self.now_us = self.now_us, max(self.now_us, now_us)
        heard: dict[_Hearing, tuple[bytes, Counter[str]]] = {}
        due: dict[Topic, _Due] = {}
        out = []
        for session in audience:
            hearing = (tuple(session.streams), session.combined, session.unit)
            if hearing not in heard:
                heard[hearing] = self._heard(hearing, due, after, faults, silent=silent)
            data, count = heard[hearing]
            self.sent += count
            out.append(data)
        return out

    def _heard(
        self,
        hearing: _Hearing,
        due: dict[Topic, _Due],
        after: int,
        faults: Faults,
        *,
        silent: bool,
    ) -> tuple[bytes, Counter[str]]:
        """Make what listeners of the same streams are sent."""
        streams, combined, unit = hearing
        count: Counter[str] = Counter()
        times: list[Ints] = []
        frames: list[bytes] = []
        for found in dict.fromkeys(map(topic, streams)):
            if found is None or found.symbol not in self.market.tapes:
                continue
            if found.symbol in faults.delisted:
                continue
            if found.kind.startswith(KLINE):
                at, made = self._klines(found, after, combined=combined, unit=unit)
            else:
                if found not in due:
                    due[found] = self._due(found, after, faults, silent=silent)
                at = due[found].times
                made = self._made(found, due[found].rows, combined=combined, unit=unit)
            if made and not silent:
                times.append(at)
                frames += made
                count[found.kind] += len(made)
        if len(times) > 1:
            order = np.argsort(np.concatenate(times), kind="stable")
            frames = [frames[k] for k in order.tolist()]
        return b"".join(frames), count

    def _due(self, found: Topic, after: int, faults: Faults, *, silent: bool) -> _Due:
        """Find the rows of a topic that are due, disturbed as the switches say."""
        tape = self.market.tapes[found.symbol]
        due = _due_of(tape, found.kind)
        low, high = (int(np.searchsorted(due, at, side="right")) for at in (after, self.now_us))
        rows = range(low, high)
        if found.kind != "trade" or not rows:
            return _Due(due[low:high], rows)
        disturbance = self._disturbances[found.symbol]
        if silent:
            disturbance.lose(int(tape.ids[low]), int(tape.ids[high - 1]))
        elif not disturbance.is_idle(faults, found.symbol):
            chosen = disturbance.arrange(faults, found.symbol, rows, tape.ids)
            latest = np.maximum.accumulate(np.array([low, *chosen], dtype=np.int64))[1:]
            return _Due(due[latest], chosen)
        return _Due(due[low:high], rows)

    def _made(
        self,
        found: Topic,
        rows: range | list[int],
        *,
        combined: bool,
        unit: str,
    ) -> list[bytes]:
        tape = self.market.tapes[found.symbol]
        if isinstance(rows, range):
            return self._encoder.frames(tape, found.kind, rows, combined=combined, unit=unit)
        return [
            wire.frame(GARBAGE[-1 - row])
            if row < 0
            else self._encoder.frames(
                tape,
                found.kind,
                range(row, row + 1),
                combined=combined,
                unit=unit,
            )[0]
            for row in rows
        ]

    def _klines(
        self,
        found: Topic,
        after: int,
        *,
        combined: bool,
        unit: str,
    ) -> tuple[Ints, list[bytes]]:
        """Make the klines that closed."""
        tape, name = self.market.tapes[found.symbol], found.kind.removeprefix(KLINE)
        length = INTERVALS[name]
        opens = range(
            after // length * length,
            self.now_us // length * length,
            length,
        )
        if not opens:
            return np.empty(0, dtype=np.int64), []
        # One that closed is final: a trade of its last instant is due by now.
        bars = tape.klines(length, opens, tape.trades_until(self.now_us))
        texts = wire.kline_payloads(bars, found.symbol, (name, length), unit)
        stream = f"{found.symbol.lower()}@{found.kind}" if combined else None
        return (bars["open_us"] + length).to_numpy(), wire.frames(texts, stream)


def _due_of(tape: Tape, kind: str) -> Ints:
    match kind:
        case "trade":
            return tape.trade_due
        case "aggTrade":
            return tape.aggregate_due
        case _:
            return tape.quote_due
