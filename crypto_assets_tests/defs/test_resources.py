"""SQL inside Dagster."""

from __future__ import annotations

from crypto_assets.defs.resources import LakeSQL
from crypto_assets.lake.lake import Lake


def test_the_sql_resource_sees_the_lake(lake: Lake) -> None:
    sql = LakeSQL(database=":memory:", root=str(lake.layout.root))
    with sql.get_connection() as connection:
        found = connection.sql("SELECT date, count(*) FROM trades GROUP BY ALL ORDER BY ALL").pl()
    assert [row[1] for row in found.rows()] == [30, 30, 30]
