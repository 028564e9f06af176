"""T13: a long silence between two trades is a halt where their ids follow, a loss where not.

What the venue's other symbols did meanwhile, and what the venue said of this one that day, tell
whose halt it was: the whole exchange's, or this symbol's. A day of fewer than about 1,000 trades
has its longest step near the percentile that counts as usual and so lists next to nothing: its ids
prove it complete without. Silence before the first and after the last trade is for
:mod:`day_edges_join`.
"""

from __future__ import annotations

from crypto_assets.checks.check import UNNUMBERED, Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day, Elsewhere
from crypto_assets.checks.silences import FLOOR_US, LONGEST, Silence, long_silences
from crypto_assets.model.interval import SECOND_US
from crypto_assets.model.numbering import Numbering
from crypto_assets.model.verdict import Severity

_SHOWN = 100
_TRADING = "TRADING"


def _told(day: Day, silence: Silence) -> dict[str, object]:
    found: dict[str, object] = {
        "from_us": silence.from_us,
        "until_us": silence.until_us,
        "seconds": (silence.until_us - silence.from_us) // SECOND_US,
        "between_ids": list(silence.between_ids),
        "missing": silence.missing,
    }
    elsewhere = _elsewhere(day, silence)
    if elsewhere is not None:
        found["silent_too"] = list(elsewhere.silent)
        found["trading_meanwhile"] = list(elsewhere.trading)
    return found


def _elsewhere(day: Day, silence: Silence) -> Elsewhere | None:
    span = (silence.from_us, silence.until_us)
    return next((one for one in day.elsewhere if one.span == span), None)


def _whose(day: Day, halts: list[Silence]) -> str:
    """Say whose halts they were, as far as anything tells."""
    found = [one for halt in halts if (one := _elsewhere(day, halt)) is not None]
    said = []
    if day.rules.status is not None and day.rules.status != _TRADING:
        said.append(f"the exchange had the symbol in {day.rules.status} that day")
    everybody = [one for one in found if one.silent and not one.trading]
    if everybody:
        said.append(
            f"in {len(everybody):,} of them no other symbol traded "
            f"({len(everybody[0].silent):,} were silent too)",
        )
    return "".join(f"; {one}" for one in said)


def _judge(day: Day, measured: Measured) -> Finding:
    if day.trades is None:
        return Finding.cannot_judge("no trades are stored")
    longest = measured["longest"] or 0
    if longest <= FLOOR_US:
        return Finding.passes("no silence is longer than 60 s", {"longest_us": longest})
    if day.numbering is Numbering.OPAQUE:
        return Finding.not_checked(UNNUMBERED)
    silences = long_silences(day.trades)
    limit = silences.limit_us
    losses = [silence for silence in silences if silence.missing]
    halts = [silence for silence in silences if not silence.missing]
    evidence: dict[str, object] = {
        "longest_us": longest,
        "limit_us": limit,
        "halt_count": len(halts),
        "halts": [_told(day, halt) for halt in halts[:_SHOWN]],
        "loss_count": len(losses),
        "losses": [_told(day, loss) for loss in losses[:_SHOWN]],
    }
    if day.rules.status is not None:
        evidence["status"] = day.rules.status
    if losses:
        count = sum(silence.missing for silence in losses)
        return Finding.fails(
            f"{len(losses):,} silences above {limit // SECOND_US} s lost {count:,} trades",
            evidence,
        )
    if halts:
        return Finding.passes(
            f"{len(halts):,} silences above {limit // SECOND_US} s, each with no id missing"
            f"{_whose(day, halts)}",
            evidence,
            severity=Severity.INFO,
        )
    return Finding.passes(f"no silence is longer than {limit // SECOND_US} s", evidence)


CHECK = Check(
    code="T13",
    assets=("raw_trades",),
    says="No long silence hides missing trades.",
    judge=_judge,
    blocks=Blocks.SEALING,
    measures={"longest": LONGEST},
)
