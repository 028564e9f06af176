"""How large the day's trades were, drawn by style alone: it needs no script and fits any width."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from crypto_assets.model.report import Sizes
from crypto_assets.sinks.page.shell import escaped

_UNITS = ((Decimal(10) ** 9, " G"), (Decimal(10) ** 6, " M"), (Decimal(1000), " k"))
_LABELS = 10


def figure(sizes: Sequence[Sizes]) -> str:
    """Draw bought above and sold below a line, one column a class of quantities.

    The classes are ten a power of ten, so the axis is logarithmic; counts are linear.
    """
    highest = max(max(one.bought, one.sold) for one in sizes)
    every = max(1, -(-len(sizes) // _LABELS))
    columns = (_column(one, highest, is_labelled=at % every == 0) for at, one in enumerate(sizes))
    told = escaped(told_of(sizes))
    return (
        f'<figure><div class="sizes" role="img" aria-label="{told}">'
        f'<div class="counts"><span>{highest:,}</span><span>0</span><span>{highest:,}</span></div>'
        f'<div class="columns">{"".join(columns)}</div></div>'
        f'<figcaption class="hint">{told}</figcaption></figure>'
    )


def told_of(sizes: Sequence[Sizes]) -> str:
    """Say in words what the picture shows."""
    most = max(sizes, key=lambda one: one.bought + one.sold)
    bought = sum(one.bought for one in sizes)
    sold = sum(one.sold for one in sizes)
    return (
        f"Trades by quantity in base units, logarithmic: {bought:,} by takers that bought (above), "
        f"{sold:,} by takers that sold (below); most, {most.bought + most.sold:,}, are of "
        f"{_short(most.from_)} to {_short(most.until)}."
    )


def _column(one: Sizes, highest: int, *, is_labelled: bool) -> str:
    told = f"{_short(one.from_)} to {_short(one.until)}: {one.bought:,} bought, {one.sold:,} sold"
    up, down = (f"{50 * count / highest:.2f}%" for count in (one.bought, one.sold))
    label = f"<span>{_short(one.from_)}</span>" if is_labelled else ""
    return (
        f'<div title="{escaped(told)}"><i class="bought" style="height:{up}"></i>'
        f'<i class="sold" style="height:{down}"></i>{label}</div>'
    )


def _short(value: Decimal) -> str:
    for unit, name in _UNITS:
        if value >= unit:
            return f"{(value / unit).normalize():f}{name}"
    return f"{value.normalize():f}"
