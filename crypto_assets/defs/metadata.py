"""What the UI shows of a committed file and of a table."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping, Sequence

import dagster as dg
import polars as pl
from pandera.api.checks import Check

from crypto_assets.lake.lake import Committed, Lake
from crypto_assets.model.gap import GapState
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import Table
from crypto_assets.pipeline.gaps import read
from crypto_assets.pipeline.picture import picture_of
from crypto_assets.pipeline.status import status_of

Metadata = dict[str, dg.MetadataValue]
_RANGES_SHOWN = 50


def of_table(table: Table) -> dict[str, dg.TableSchema | str]:
    """Describe the table an asset's rows are of."""
    return {"dagster/column_schema": _schema(table), "dagster/table_name": table.name}


def _schema(table: Table) -> dg.TableSchema:
    """Derive Dagster's column schema from a table's Pandera model."""
    columns = table.model.to_schema().columns
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=_type_name(dtype),
                description=columns[name].description,
                constraints=dg.TableColumnConstraints(
                    nullable=columns[name].nullable,
                    unique=columns[name].unique,
                    other=[_rule(check) for check in columns[name].checks],
                ),
            )
            for name, dtype in table.schema.items()
        ],
    )


def _rule(check: Check) -> str:
    """Write a Pandera check as ``greater than 0``."""
    values = ", ".join(str(value) for value in (check.statistics or {}).values())
    return f"{str(check.name).replace('_', ' ')} {values}"


def _type_name(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Decimal):
        return f"decimal({dtype.precision}, {dtype.scale})"
    if isinstance(dtype, pl.Datetime):
        return f"timestamp[{dtype.time_unit}, {dtype.time_zone}]"
    return str(dtype).lower()


def of_files(files: Sequence[Committed], table: Table) -> Metadata:
    """Describe the committed files of one partition."""
    rows = sum(file.manifest.rows for file in files)
    found: Metadata = {
        "dagster/partition_row_count": dg.MetadataValue.int(rows),
        "bytes": dg.MetadataValue.int(sum(file.bytes for file in files)),
        "files": dg.MetadataValue.int(len(files)),
    }
    if not files:
        found["note"] = dg.MetadataValue.text("nothing of it is stored for this day")
        return found
    only = files[0] if len(files) == 1 else None
    if only is not None:
        found["path"] = dg.MetadataValue.path(str(only.path))
        found["sha256"] = dg.MetadataValue.text(only.sha256)
        found["logical hash"] = dg.MetadataValue.text(only.manifest.logical_hash)
        found["version"] = dg.MetadataValue.int(only.manifest.version)
    else:
        found["directory"] = dg.MetadataValue.path(str(files[0].path.parent))
        found["parts"] = dg.MetadataValue.table(
            records=[
                dg.TableRecord(
                    {
                        "file": file.path.name,
                        "rows": file.manifest.rows,
                        "bytes": file.bytes,
                        "sha256": file.sha256,
                    },
                )
                for file in files[:50]
            ],
        )
    if table.id is not None:
        firsts = [m.first_id for m in (file.manifest for file in files) if m.first_id is not None]
        lasts = [m.last_id for m in (file.manifest for file in files) if m.last_id is not None]
        if firsts and lasts:
            found["first id"] = dg.MetadataValue.int(min(firsts))
            found["last id"] = dg.MetadataValue.int(max(lasts))
    sources = _sources(files)
    if sources:
        found["rows by source"] = dg.MetadataValue.json(sources)
    return found


def of_picture(lake: Lake, partition: Partition) -> Metadata:
    """Show a day's bars as a chart; nothing where there are none."""
    picture = picture_of(lake, partition)
    if picture is None:
        return {}
    data = base64.b64encode(picture).decode()
    return {"chart": dg.MetadataValue.md(f"![{partition}](data:image/png;base64,{data})")}


def of_verdicts(lake: Lake, partition: Partition) -> Metadata:
    """Show a day's condition, its proof in numbers and every check that did not pass."""
    day = status_of(lake, partition)
    found: Metadata = {
        "condition": dg.MetadataValue.text(day.condition),
        "trades": dg.MetadataValue.int(day.rows),
        "missing ids": dg.MetadataValue.json([list(ids) for ids in day.missing]),
        "rows by source": dg.MetadataValue.json(day.sources),
    }
    if day.first_trade_id is not None and day.last_trade_id is not None:
        found["first trade id"] = dg.MetadataValue.int(day.first_trade_id)
        found["last trade id"] = dg.MetadataValue.int(day.last_trade_id)
    if day.faults:
        found["not passed"] = dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "severity": fault.severity,
                        "asset": fault.asset,
                        "check": fault.check,
                        "found": fault.message,
                    },
                )
                for fault in day.faults
            ],
        )
    return found


def of_gaps(lake: Lake, partition: Partition) -> Metadata:
    """Show how many ids are missing, were healed or are denied, and the ranges of them."""
    gaps = read(lake, partition)
    counts = dict.fromkeys(GapState, 0)
    for gap in gaps:
        counts[gap.state] += gap.count
    found: Metadata = {
        f"{state} ids": dg.MetadataValue.int(count) for state, count in counts.items()
    }
    if gaps:
        found["ranges"] = dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "first id": gap.ids[0],
                        "last id": gap.ids[1],
                        "ids": gap.count,
                        "state": gap.state.value,
                        "cause": gap.cause.value,
                        "found": _moment(gap.found_us),
                        "closed": "" if gap.closed_us is None else _moment(gap.closed_us),
                        "source": gap.source or "",
                    },
                )
                for gap in gaps[-_RANGES_SHOWN:]
            ],
        )
    return found


def _moment(us: int) -> str:
    return dt.datetime.fromtimestamp(us / 1e6, dt.UTC).isoformat(sep=" ", timespec="milliseconds")


def _sources(files: Sequence[Committed]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for file in files:
        for source, rows in file.manifest.sources.items():
            found[source] = found.get(source, 0) + rows
    return found
