"""C1: every price has the columns, types and ranges its table declares: positive, each once."""

from __future__ import annotations

from pandera.errors import SchemaErrors

from crypto_assets.checks.check import Finding
from crypto_assets.checks.priced import PriceCheck, PricedDay
from crypto_assets.model.tables import PRICE_SNAPSHOTS, validate

_SHOWN = 20


def _judge(priced: PricedDay) -> Finding:
    try:
        validate(priced.rows, PRICE_SNAPSHOTS)
    except SchemaErrors as error:
        cases = error.failure_cases.select("column", "check")
        broken = sorted({f"{column}: {check}" for column, check in cases.iter_rows()})
        return Finding.fails(
            f"{cases.height:,} values are not as declared ({'; '.join(broken[:3])})",
            {"count": cases.height, "rules": broken[:_SHOWN]},
        )
    return Finding.passes(f"all {priced.rows.height:,} prices are as declared")


CHECK = PriceCheck(
    code="C1",
    says="Every price is as its table declares: positive, of a coin and currency, each once.",
    judge=_judge,
)
