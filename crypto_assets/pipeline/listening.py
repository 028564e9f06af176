"""When a recording listened to which stream, as the collector's own lines tell."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from crypto_assets.lake.inputs import Interruption
from crypto_assets.model.coverage import Coverage, Range


class _Shard(msgspec.Struct):
    """Some streams and the connections that carried them."""

    connections: list[int]
    streams: list[str]


class _Note(msgspec.Struct):
    """A collector's line; which fields there are depends on its kind."""

    collector: str
    connection: int | None = None
    streams: list[str] = []
    shards: list[_Shard] = []
    clock_offset_us: int | None = None
    offset_us: int | None = None
    seconds: float = 0.0
    why: str | None = None


_note = msgspec.json.Decoder(_Note)


@dataclass(slots=True)
class Listening:
    """Follow the collector's lines of one recording, in order; times are the recorder's clock.

    A segment begins with what was open when the one before it ended; a connection is heard from
    its ``opened`` until its ``lost`` or ``closed``, but for the seconds it was ``silent`` at the
    end.
    """

    interruptions: list[Interruption] = field(default_factory=list)
    is_told: bool = False
    """Whether there was such a line at all: other people's recordings have none."""
    clock_offset_us: int | None = None
    """How far the recorder's clock was ahead of the exchange's, as first measured."""
    _open: dict[int, tuple[list[str], int]] = field(default_factory=dict)
    _heard: dict[str, list[Range]] = field(default_factory=dict)

    def note(self, recv_us: int, message: bytes) -> None:
        """Take one line; one of a kind that says nothing of connections changes nothing."""
        try:
            note = _note.decode(message)
        except msgspec.DecodeError:
            return
        self.is_told = True
        measured = note.clock_offset_us if note.offset_us is None else note.offset_us
        if self.clock_offset_us is None:
            self.clock_offset_us = measured
        self._follow(recv_us, note)

    def _follow(self, recv_us: int, note: _Note) -> None:
        match note.collector:
            case "segment":
                for shard in note.shards:
                    for number in shard.connections:
                        self._begin(number, shard.streams, recv_us)
            case "opened" if note.connection is not None:
                self._begin(note.connection, note.streams, recv_us)
            case "lost" | "closed" if note.connection is not None:
                streams = self._end(note.connection, recv_us)
                if note.collector == "lost" and streams:
                    self._interrupted(recv_us, f"lost: {note.why}", streams)
            case "silent" if note.connection in self._open:
                streams, _ = self._open[note.connection]
                silent_from = recv_us - int(note.seconds * 1_000_000)
                self._end(note.connection, silent_from)
                # What comes later was heard after all.
                self._begin(note.connection, streams, recv_us)
                self._interrupted(silent_from, f"silent for {note.seconds:.0f} s", streams)
            case "end":
                self.end(recv_us)

    def end(self, last_us: int) -> None:
        """End the recording: whatever is still open was heard until then."""
        for number in list(self._open):
            self._end(number, last_us)

    @property
    def heard(self) -> dict[str, tuple[Range, ...]]:
        """When each stream was listened to, as ascending closed spans, once the end is known."""
        return {stream: Coverage.of(spans).ranges for stream, spans in self._heard.items()}

    def _begin(self, number: int, streams: list[str], at_us: int) -> None:
        self._open.setdefault(number, (streams, at_us))

    def _end(self, number: int, at_us: int) -> list[str]:
        streams, since = self._open.pop(number, ([], 0))
        for stream in streams:
            if since <= at_us:
                self._heard.setdefault(stream, []).append((since, at_us))
        return streams

    def _interrupted(self, at_us: int, why: str, streams: list[str]) -> None:
        found = Interruption(from_us=at_us, why=why, streams=tuple(streams))
        self.interruptions.append(found)
