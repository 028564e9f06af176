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
    found = Market.recorded([frames for path in paths for frames in _read(path, venue_name)])
    names = ", ".join(map(str, paths))
    if absent := set(symbols) - set(found.tapes):
        raise InvalidName(
            f"{names}: expected a symbol of {', '.join(found.tapes)}, found "
            f"{', '.join(sorted(absent))}",
        )
    if symbols:
        found = Market({symbol: found.tapes[symbol] for symbol in symbols})
    return found if begin_us is None else found.shifted(begin_us - found.start_us)


def _read(path: Path, venue_name: str) -> list[Frames]:
    """Decode a capture; what is left out of the market is told."""
    found = list(_frames(path, venue_name))
    dead = [letter for frames in found for letter in frames.dead]
    told = f"{path}:{dead[0].line}: {dead[0].reason}" if dead else f"{path}: no message"
    if not any(frames.trades.height for frames in found):
        raise UnreadableInput(f"{told}: expected a capture with trades, found none")
    if dead:
        screen.errors.print(
            f"[yellow]left out[/] {len(dead)} lines, such as {escape(told)}",
            highlight=False,
            soft_wrap=True,
        )
    return found


def _frames(path: Path, venue_name: str) -> Iterator[Frames]:
    if not path.is_file():
        raise UnreadableInput(f"{path}: expected a capture, found no file")
    decode = venue(venue_name).decode_frames
    held: Block | None = None
    for block in blocks(path):
        if isinstance(block, Torn):
            raise UnreadableInput(f"{path}:{block.line}: {block.reason}; import tells what is left")
        if held is not None:
            yield decode(held.data, held.first_line, last=False)
        held = block
    if held is not None:
        yield decode(held.data, held.first_line, last=True)
