"""SQL that demands completeness: table macros that give a range of days whole, or refuse it.

DuckDB evaluates nothing it can do without, so the refusal stands where rows cannot come without
it: every row of the trades passes a filter that asks for it, and beside the trades stands a branch
of no rows whose every column is made of it. The first speaks before any row is given, the second
where DuckDB knows beforehand that there will be none. Only a statement that asks for no row at all,
``LIMIT 0`` or ``WHERE false``, is answered without it.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from crypto_assets.model.tables import BARS, TRADES
from crypto_assets.sinks.quoting import name, text, type_of

_DAYS_NAMED, _RANGES_NAMED = 10, 5
_NOTHING = "nothing stored"
_LABELS = pl.Schema({"venue": pl.String(), "symbol": pl.String(), "date": pl.Date()})
_ASKED = "of_symbol, first_date, last_date"
_OF = "its_venue, its_symbol, from_date, to_date"
_GIVEN = "of_venue, of_symbol, first_date, last_date"
"""No parameter is named as a column: within the views that a macro reads it would be taken for it.
"""

_DAYS = """
SELECT its_venue AS venue, its_symbol AS symbol, d.date,
    coalesce(k.condition, 'missing') AS condition,
    coalesce(k.is_proven, false) AS is_proven, k.missing_ids, k.missing,
    k.why, coalesce(k.is_sealed, false) AS is_sealed,
    coalesce(k.bars_are_proven, false) AS bars_are_proven
FROM (
    SELECT CAST(r AS DATE) AS date FROM generate_series(
        CAST(CAST(from_date AS DATE) AS TIMESTAMP),
        CAST(CAST(to_date AS DATE) AS TIMESTAMP),
        INTERVAL 1 DAY
    ) AS series(r)
) AS d
LEFT JOIN (
    SELECT * FROM completeness AS c
    WHERE c.venue = its_venue AND c.symbol = its_symbol
        AND c.date BETWEEN CAST(from_date AS DATE) AND CAST(to_date AS DATE)
) AS k ON k.date = d.date
"""

_REFUSAL = f"""
SELECT CASE
    WHEN from_date IS NULL OR to_date IS NULL OR CAST(from_date AS DATE) > CAST(to_date AS DATE)
        THEN 'days ' || coalesce(CAST(from_date AS VARCHAR), 'NULL') || ' to '
            || coalesce(CAST(to_date AS VARCHAR), 'NULL') || ': expected the first, then the last'
    WHEN count(*) FILTER (is_refused) > 0
        THEN coalesce(its_venue, 'NULL') || ':' || coalesce(its_symbol, 'NULL') || ' '
            || CAST(from_date AS VARCHAR) || ' to ' || CAST(to_date AS VARCHAR)
            || ': expected every day proven, found ' || count(*) FILTER (is_refused) || ' of '
            || count(*) || ' that are not: '
            || string_agg(told, '; ' ORDER BY date) FILTER (is_refused AND place <= {_DAYS_NAMED})
            || CASE WHEN count(*) FILTER (is_refused) > {_DAYS_NAMED}
                THEN '; and ' || (count(*) FILTER (is_refused) - {_DAYS_NAMED}) || ' more'
                ELSE '' END
    END AS why
FROM (
    SELECT date, is_refused, row_number() OVER (PARTITION BY is_refused ORDER BY date) AS place,
        date || ' ' || condition
            || CASE WHEN missing_ids > 0
                THEN ', ' || missing_ids || ' ids missing: ' || array_to_string(list_transform(
                        missing[:{_RANGES_NAMED}], lambda ids: ids.first || '..' || ids.last), ', ')
                    || CASE WHEN len(missing) > {_RANGES_NAMED} THEN ', ...' ELSE '' END
                ELSE '' END
            || CASE WHEN is_proven THEN ': there are no bars of its trades'
                WHEN why = '' THEN ''
                ELSE ' (' || coalesce(why, '{_NOTHING}') || ')' END AS told
    FROM (
        SELECT *, NOT is_proven OR (needs_bars AND NOT bars_are_proven) AS is_refused
        FROM _days({_OF})
    )
)
"""  # noqa: S608 - our own names


def macros(venue: str) -> Iterator[str]:
    """Give the statements that create every macro, in their order.

    They need the views ``completeness``, ``trades`` and ``bars_*``; ``venue`` is the one that is
    meant where none is named.

    ``asked_days(of_symbol, first_date, last_date)`` has a row a day of a range, whether anything is
    known of it or not; ``complete_trades`` and ``complete_bars`` give a range's rows or refuse it;
    ``flagged_trades`` and ``flagged_bars`` give what there is, each row with its day's condition.
    """
    bars = "query_table('bars_' || its_length)"
    for private, body in (
        (f"_days({_OF})", _DAYS),
        (f"_refusal({_OF}, needs_bars)", _REFUSAL),
        (f"_complete_trades({_OF})", _complete("trades", TRADES.schema, needs_bars=False)),
        (f"_complete_bars({_OF}, its_length)", _complete(bars, BARS.schema, needs_bars=True)),
        (f"_flagged_trades({_OF})", _flagged("trades", TRADES.schema)),
        (f"_flagged_bars({_OF}, its_length)", _flagged(bars, BARS.schema)),
    ):
        yield _macro(private, body)
    default = f"of_venue := {text(venue)}"
    for public, private in (
        ("asked_days", "_days"),
        ("complete_trades", "_complete_trades"),
        ("flagged_trades", "_flagged_trades"),
    ):
        yield _macro(f"{public}({_ASKED}, {default})", _all_of(private, _GIVEN))
    for public in ("complete_bars", "flagged_bars"):
        handed_on = _all_of(f"_{public}", f"{_GIVEN}, length")
        yield _macro(f"{public}({_ASKED}, length := '1m', {default})", handed_on)


def _macro(signature: str, body: str) -> str:
    return f"CREATE OR REPLACE MACRO {signature} AS TABLE {body}"


def _all_of(macro: str, given: str) -> str:
    return f"SELECT * FROM {macro}({given})"  # noqa: S608 - our own names


_WITHIN = (
    "t.venue = its_venue AND t.symbol = its_symbol "
    "AND t.date BETWEEN CAST(from_date AS DATE) AND CAST(to_date AS DATE)"
)


def _complete(source: str, schema: pl.Schema, *, needs_bars: bool) -> str:
    columns = {**_LABELS, **schema}
    refusal = f"_refusal({_OF}, {str(needs_bars).lower()}) AS r"
    given = ", ".join(f"t.{name(column)}" for column in columns)
    refused = ", ".join(
        f"CAST(CASE WHEN r.why IS NULL THEN r.why ELSE error(r.why) END AS {type_of(dtype)}) "
        f"AS {name(column)}"
        for column, dtype in columns.items()
    )
    return f"""
SELECT {given} FROM {source} AS t
WHERE {_WITHIN}
    AND (SELECT CASE WHEN r.why IS NULL THEN true ELSE error(r.why) END FROM {refusal})
UNION ALL
SELECT {refused} FROM {refusal}
WHERE CASE WHEN r.why IS NULL THEN false ELSE error(r.why) END
"""  # noqa: S608 - our own names


def _flagged(source: str, schema: pl.Schema) -> str:
    given = ", ".join(f"t.{name(column)}" for column in (*_LABELS, *schema))
    return f"""
SELECT {given}, k.condition, k.is_proven
FROM {source} AS t
LEFT JOIN _days({_OF}) AS k ON k.date = t.date
WHERE {_WITHIN}
"""  # noqa: S608 - our own names
