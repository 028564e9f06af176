"""The market that ``exchange`` plays: made up, or of recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.markup import escape

from crypto_assets.cli import screen
from crypto_assets.errors import InvalidName, UnreadableInput
from crypto_assets.exchange import Market, random_market
from crypto_assets.lake.blocks import Block, Torn, blocks
from crypto_assets.venues import venue
from crypto_assets.venues.venue import Frames


def made_up(
    symbols: Sequence[str],
    now_us: int,
    hours: float,
    per_second: float,
    seed: int,
) -> Market:
    """Make up a market that begins now.

    Raises:
        InvalidName: no symbol is given.
    """
    if not symbols:
        raise InvalidName("expected --symbol of a made-up market or --recording, found neither")
    return random_market(symbols, now_us, int(hours * 3600), per_second, seed)


def recorded(
    paths: Sequence[Path],
    venue_name: str,
    symbols: Sequence[str],
    begin_us: int | None,
) -> Market:
    """Read captures as one market, of all their symbols or of some.

    It begins at an instant where one is given, otherwise at its own time.

    Raises:
        UnreadableInput: a file is damaged, is no capture, or has no trade.
        InvalidName: a symbol that is asked for is not in them.
    """
    found = Market.recorded([frames for path in paths for frames in _frames(path, venue_name)])
    names = ", ".join(map(str, paths))
    if not found.tapes:
        raise UnreadableInput(f"{names}: expected a capture with trades, found none")
    if absent := set(symbols) - set(found.tapes):
        raise InvalidName(
            f"{names}: expected a symbol of {', '.join(found.tapes)}, found "
            f"{', '.join(sorted(absent))}",
        )
    if symbols:
        found = Market({symbol: found.tapes[symbol] for symbol in symbols})
    return found if begin_us is None else found.shifted(begin_us - found.start_us)


def _decoded(block: Block, venue_name: str, path: Path, *, last: bool) -> Frames:
    """Decode one block; what is left out of the market is told."""
    found = venue(venue_name).decode_frames(block.data, block.first_line, last=last)
    for letter in found.dead:
        screen.errors.print(
            f"[yellow]left out[/] {escape(str(path))}:{letter.line}: {escape(letter.reason)}",
            highlight=False,
            soft_wrap=True,
        )
    return found


def _frames(path: Path, venue_name: str) -> Iterator[Frames]:
    if not path.is_file():
        raise UnreadableInput(f"{path}: expected a capture, found no file")
    held = None
    for block in blocks(path):
        if isinstance(block, Torn):
            raise UnreadableInput(f"{path}:{block.line}: {block.reason}")
        if held is not None:
            yield _decoded(held, venue_name, path, last=False)
        held = block
    if held is None:
        raise UnreadableInput(f"{path}: expected a capture, found 0 bytes")
    yield _decoded(held, venue_name, path, last=True)
