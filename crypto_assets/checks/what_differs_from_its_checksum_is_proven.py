"""T14b: trades of a file that differs from its checksum are proven by their content.

They are where every id from the first to the last is there and the exchange's klines of the whole
day equal our bars in every field, or where files and recordings that are not in doubt hold the same
trades. A conflict between the two is for :mod:`sources_agree`.
"""

from __future__ import annotations

from crypto_assets.checks import bars_equal_klines
from crypto_assets.checks.check import Blocks, Check, Finding, Measured
from crypto_assets.checks.day import Day
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.manifest import Manifest


def _is_in_doubt(part: Manifest) -> bool:
    return any(entry.checksum == "mismatch" for entry in part.inputs)


def _judge(day: Day, measured: Measured) -> Finding:
    summary = day.trades_summary
    if summary is None:
        return Finding.cannot_judge("no summary of the trades is stored")
    doubted = [part for part in day.trade_parts if _is_in_doubt(part)]
    if not doubted:
        return Finding.passes("no file differs from its checksum")
    names = [entry.name for part in doubted for entry in part.inputs]
    told = ", ".join(names)
    trusted = Coverage.of(
        span for part in day.trade_parts if not _is_in_doubt(part) for span in part.coverage.ranges
    )
    only = Coverage.of(span for part in doubted for span in part.coverage.ranges) - trusted
    evidence: dict[str, object] = {
        "files": names,
        "only_in_them": len(only),
        "missing_count": sum(last - first + 1 for first, last in summary.missing),
    }
    if not len(only):
        return Finding.passes(f"{told}: every trade in it is held from elsewhere too", evidence)
    compared = bars_equal_klines.CHECK.judge(day, measured)
    evidence["klines"] = compared.message
    is_equal = compared.checked and compared.passed and compared.evidence.get("whole_day") is True
    if not summary.missing and is_equal:
        return Finding.passes(
            f"{told}: its checksum is wrong and its content is proven, by ids that are contiguous "
            "and by the exchange's klines of the whole day",
            evidence,
        )
    lacks = "ids are missing" if summary.missing else "the klines of the day do not prove it"
    return Finding.fails(
        f"{told}: {len(only):,} trades are only in it, it is not what its checksum says, and "
        f"{lacks} ({compared.message})",
        evidence,
    )


CHECK = Check(
    code="T14b",
    assets=("bars_1s",),
    says="Trades of a file that differs from its checksum are proven by their content.",
    judge=_judge,
    blocks=Blocks.SEALING,
)
