"""How large the day's trades were, as a picture of plain SVG: it needs no script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from crypto_assets.model.report import Sizes
from crypto_assets.sinks.page.shell import escaped

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 230, 62, 12, 12, 34
_GAP = 0.12
_LABELS = 10


def figure(sizes: Sequence[Sizes]) -> str:
    """Draw bought above and sold below a line, one column a class of quantities.

    The classes are ten a power of ten, so the axis is logarithmic; counts are linear.
    """
    highest = max(max(one.bought, one.sold) for one in sizes) or 1
    middle = _TOP + (_HEIGHT - _TOP - _BOTTOM) / 2
    room = middle - _TOP
    step = (_WIDTH - _LEFT - _RIGHT) / len(sizes)
    parts = [
        *_axis(highest, middle, room),
        *_labels(sizes, step),
    ]
    for at, one in enumerate(sizes):
        left, width = _LEFT + at * step + step * _GAP / 2, step * (1 - _GAP)
        up, down = (count / highest * room for count in (one.bought, one.sold))
        span = f"{_short(one.from_)} to {_short(one.until)}"
        told = f"{span}: {one.bought:,} bought, {one.sold:,} sold"
        parts.append(
            f"<g><title>{escaped(told)}</title>"
            f'<rect class="bought" x="{left:.1f}" y="{middle - up:.1f}" width="{width:.1f}" '
            f'height="{up:.1f}"/><rect class="sold" x="{left:.1f}" y="{middle:.1f}" '
            f'width="{width:.1f}" height="{down:.1f}"/></g>',
        )
    drawn = (
        f'<svg class="sizes" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escaped(told_of(sizes))}">{"".join(parts)}</svg>'
    )
    return f"<figure>{drawn}<figcaption class=hint>{escaped(told_of(sizes))}</figcaption></figure>"


def told_of(sizes: Sequence[Sizes]) -> str:
    """Say in words what the picture shows."""
    most = max(sizes, key=lambda one: one.bought + one.sold)
    bought, sold = (sum(counts) for counts in zip(*((s.bought, s.sold) for s in sizes), strict=True))
    return (
        f"Trades by quantity in base units, logarithmic: {bought:,} by takers that bought (above), "
        f"{sold:,} by takers that sold (below); most, {most.bought + most.sold:,}, are of "
        f"{_short(most.from_)} to {_short(most.until)}."
    )


def _axis(highest: int, middle: float, room: float) -> Iterator[str]:
    for share, value in ((-1, highest), (0, 0), (1, highest)):
        y = middle + share * room
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:,}</text>'


def _labels(sizes: Sequence[Sizes], step: float) -> Iterator[str]:
    """Write bounds below the columns, only as many as have room."""
    every = max(1, -(-len(sizes) // _LABELS))
    y = _HEIGHT - _BOTTOM + 18
    for at in range(0, len(sizes), every):
        x = _LEFT + at * step
        yield f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{_short(sizes[at].from_)}</text>'


def _short(value: Decimal) -> str:
    for unit, name in ((Decimal(10) ** 9, " G"), (Decimal(10) ** 6, " M"), (Decimal(1000), " k")):
        if value >= unit:
            return f"{(value / unit).normalize():f}{name}"
    return f"{value.normalize():f}"
