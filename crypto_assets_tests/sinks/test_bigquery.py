"""What BigQuery is asked for: each job by one name, the day in one transaction, exact types."""

from __future__ import annotations

import datetime as dt

import pytest

from crypto_assets.errors import CommitFailed, Refused, StreamLost
from crypto_assets.sinks.bigquery import STAGING_DAYS, Load, Warehouse
from crypto_assets.sinks.sealed import Sealed
from crypto_assets_tests.bigquery import Json, Service, expires
from crypto_assets_tests.sinks.conftest import Connect, Seal


def load(warehouse: Warehouse, sealed: Sealed) -> Load:
    """Load one file as a new process would: the ledger is asked first."""
    return warehouse.load(sealed, warehouse.known([sealed]))


def ended(service: Service) -> list[str]:
    """What the jobs that ran were, by the ends of their names; questions have other names."""
    named = [job for job in service.began if job.startswith("crypto-assets-")]
    return [job.split("-", 3)[3] for job in named]


def field(table: Json, name: str) -> Json:
    (found,) = [one for one in table["schema"]["fields"] if one["name"] == name]
    return {key: value for key, value in found.items() if key not in ("name", "description")}


def test_a_target_is_partitioned_by_day_clustered_and_exact(
    connect: Connect,
    service: Service,
    seal: Seal,
) -> None:
    load(connect(), seal(range(10)))
    table = service.tables["trades"]
    assert table["timePartitioning"] == {"type": "DAY", "field": "date"}
    assert table["clustering"] == {"fields": ["venue", "symbol"]}
    assert field(table, "price") == {
        "type": "NUMERIC",
        "mode": "REQUIRED",
        "precision": "18",
        "scale": "8",
    }
    assert field(table, "quoted_value") == {
        "type": "NUMERIC",
        "mode": "NULLABLE",
        "precision": "28",
        "scale": "8",
    }
    assert field(table, "ts_event") == {"type": "TIMESTAMP", "mode": "REQUIRED"}
    assert field(table, "date") == {"type": "DATE", "mode": "REQUIRED"}
    (price,) = [one for one in table["schema"]["fields"] if one["name"] == "price"]
    assert price["description"] == "Quote units per base unit."
    assert table["labels"] == {"loaded_by": "crypto-assets", "schema_version": "2"}


def test_a_file_is_staged_as_it_lies_and_merged_in_one_transaction(
    connect: Connect,
    service: Service,
    seal: Seal,
) -> None:
    sealed = seal(range(10))
    done = load(connect(), sealed)
    assert done.changed
    assert done.target == "test-project.crypto_assets.trades"
    assert done.jobs == tuple(job for job in service.began if job in done.jobs)
    (staged,) = service.of_kind("load")
    assert staged["sourceFormat"] == "PARQUET"
    assert staged["createDisposition"] == "CREATE_NEVER"
    assert staged["writeDisposition"] == "WRITE_TRUNCATE"
    assert staged["decimalTargetTypes"] == ["NUMERIC", "BIGNUMERIC"]
    staging = staged["destinationTable"]["tableId"]
    assert staging.startswith("_staging_trades_")
    columns = [one["name"] for one in staged["schema"]["fields"]]
    assert "venue" not in columns
    assert columns[0] == "trade_id"
    merges = [one["query"] for one in service.of_kind("query") if "MERGE" in one["query"]]
    (sql,) = merges
    assert sql.startswith("BEGIN TRANSACTION;\nMERGE `test-project.crypto_assets.trades` AS t\n")
    assert sql.endswith("COMMIT TRANSACTION;")
    assert "WHEN NOT MATCHED BY SOURCE AND t.venue = 'binance' AND t.symbol = 'NEXOUSDT'" in sql
    assert "t.date = DATE '2024-07-24' THEN DELETE" in sql
    assert "INSERT (venue, symbol, date, trade_id, " in sql
    assert sql.count("MERGE `") == 2, "the day and the ledger"
    assert staging not in service.tables, "dropped when it is done with"
    labels = service.jobs[done.jobs[0]]["configuration"]["labels"]
    assert labels["symbol"] == "nexousdt"
    assert sealed.manifest.logical_hash.startswith(labels["logical_hash"])
    assert all(len(value) <= 63 for value in labels.values())


def test_jobs_run_where_the_dataset_is(connect: Connect, service: Service, seal: Seal) -> None:
    load(connect(), seal(range(3)))
    assert {job["jobReference"]["location"] for job in service.jobs.values()} == {"EU"}


def test_the_same_content_is_not_loaded_again(
    connect: Connect,
    service: Service,
    seal: Seal,
) -> None:
    sealed = seal(range(10))
    assert load(connect(), sealed).changed
    before = list(service.began)
    again = load(connect(), sealed)
    assert not again.changed
    assert again.jobs == ()
    assert len(service.began) == len(before) + 1, "only the question"


def test_a_job_whose_answer_is_lost_runs_once(
    connect: Connect,
    service: Service,
    seal: Seal,
) -> None:
    service.lose |= {"-stage-0", "-merge-0"}
    assert load(connect(), seal(range(10))).changed
    assert ended(service) == ["stage-0", "merge-0"]
    assert not service.lose


def test_what_was_begun_by_a_killed_process_is_gone_on_with(
    connect: Connect,
    service: Service,
    seal: Seal,
) -> None:
    sealed = seal(range(10))
    service.fail["-merge-0"] = (400, "stopped")
    with pytest.raises(StreamLost, match="stopped"):
        load(connect(), sealed)
    assert any(name.startswith("_staging") for name in service.tables)
    assert load(connect(), sealed).changed
    # The file was not sent again, and the failed job's name is not used again.
    assert ended(service) == ["stage-0", "merge-0", "merge-1"]


def test_a_staging_table_that_has_expired_is_filled_again(
    connect: Connect,
    service: Service,
    seal: Seal,
) -> None:
    sealed = seal(range(10))
    service.fail["-merge-0"] = (400, "stopped")
    with pytest.raises(StreamLost):
        load(connect(), sealed)
    for name in [name for name in service.tables if name.startswith("_staging")]:
        table = service.tables.pop(name)
        left = expires(table) - dt.datetime.now(dt.UTC)
        assert dt.timedelta(hours=23) < left <= dt.timedelta(days=STAGING_DAYS)
    assert load(connect(), sealed).changed
    assert ended(service) == ["stage-0", "merge-0", "stage-1", "merge-1"]


def test_a_job_that_failed_is_tried_under_another_name(
    connect: Connect,
    service: Service,
    seal: Seal,
) -> None:
    sealed = seal(range(10))
    for number in range(2):
        service.fail[f"-stage-{number}"] = (400, "invalid")
        with pytest.raises(Refused, match="invalid"):
            load(connect(), sealed)
    assert load(connect(), sealed).changed
    assert ended(service) == ["stage-0", "stage-1", "stage-2", "merge-0"]


def test_content_that_comes_back_is_loaded_again(
    connect: Connect,
    service: Service,
    seal: Seal,
) -> None:
    for number, ids in enumerate([range(10), range(9), range(10)], 1):
        done = load(connect(), seal(ids, version=number))
        assert done.changed
        (row,) = service.ledger.values()
        assert (row["generation"], row["version"]) == (str(number), str(number))
        assert row["row_count"] == str(len(ids))
    assert len(set(service.began)) == len(service.began)
    assert ended(service) == ["stage-0", "merge-0"] * 3


def test_job_names_depend_on_the_place_and_the_content_alone(
    connect: Connect,
    service: Service,
    seal: Seal,
) -> None:
    sealed = seal(range(10))
    first = load(connect(), sealed)
    other = load(connect(dataset="another"), sealed)
    assert not set(first.jobs) & set(other.jobs)
    service.jobs.clear()
    service.ledger.clear()
    assert load(connect(), sealed).jobs == first.jobs


def test_a_load_of_another_number_of_rows_is_refused(
    connect: Connect,
    service: Service,
    seal: Seal,
) -> None:
    service.rows_off = 1
    with pytest.raises(CommitFailed, match=r"expected 10 rows in .*, found 11"):
        load(connect(), seal(range(10)))
    assert not service.ledger


def test_who_may_not_is_told_so(connect: Connect, service: Service, seal: Seal) -> None:
    service.deny = 403
    with pytest.raises(Refused, match="403"):
        load(connect(), seal(range(10)))


def test_each_symbol_may_have_its_own_table(
    connect: Connect,
    service: Service,
    seal: Seal,
) -> None:
    done = load(connect(layout="table_per_symbol"), seal(range(3)))
    assert done.target == "test-project.crypto_assets.trades_nexousdt"
    assert "trades_nexousdt" in service.tables


def test_an_emulator_is_told_no_credentials(
    connect: Connect,
    service: Service,
    seal: Seal,
) -> None:
    load(connect(), seal(range(3)))
    assert set(service.tokens) == {""}
