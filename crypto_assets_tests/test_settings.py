"""Settings have defaults, are read in one place, and are refused where they cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto_assets import settings
from crypto_assets.collector import options_of
from crypto_assets.errors import InvalidName, InvalidSettings


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(settings.FILE_VARIABLE, raising=False)
    monkeypatch.delenv(settings.LAKE_VARIABLE, raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


def test_without_a_file_everything_has_a_default(tmp_path: Path) -> None:
    found = settings.load()
    assert (found.venue, found.symbols, found.first_date) == ("binance", (), "2020-01-01")
    assert found.lake == str(tmp_path / "lake")


def test_a_file_in_the_working_directory_is_read(tmp_path: Path) -> None:
    (tmp_path / settings.FILE).write_text('lake = "data"\nsymbols = ["BTCUSDT", "币安人生USDT"]\n')
    found = settings.load()
    assert found.lake == str(tmp_path / "data")
    assert found.symbols == ("BTCUSDT", "币安人生USDT")


def test_a_file_elsewhere_has_its_lake_beside_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "etc" / "mine.toml"
    path.parent.mkdir()
    path.write_text('lake = "data"\n')
    monkeypatch.setenv(settings.FILE_VARIABLE, str(path))
    assert settings.load().lake == str(tmp_path / "etc" / "data")


@pytest.mark.parametrize("lake", ["/somewhere/lake", "relative/lake", "~/lake"])
def test_the_environment_wins_over_the_file(
    lake: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / settings.FILE).write_text('lake = "data"\n')
    monkeypatch.setenv(settings.LAKE_VARIABLE, lake)
    assert settings.load().lake == str(tmp_path / Path(lake).expanduser())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"lake = ", "found"),
        (b"lake = 7\n", "Expected `str`"),
        (b'symbols = "BTCUSDT"\n', "Expected `array`"),
        (b'colour = "red"\n', "colour"),
        (b'lake = "\xff"\n', "utf-8"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(text: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / settings.FILE).write_bytes(text)
    with pytest.raises(InvalidSettings) as refused:
        settings.load()
    assert str(tmp_path / settings.FILE) in str(refused.value)
    assert said in str(refused.value)


def test_a_file_that_is_named_and_absent_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(settings.FILE_VARIABLE, str(tmp_path / "absent.toml"))
    with pytest.raises(InvalidSettings, match=r"absent\.toml"):
        settings.load()


def test_a_symbol_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / settings.FILE).write_text('symbols = ["../etc"]\n')
    with pytest.raises(InvalidName, match="such as BTCUSDT"):
        settings.load()


def test_dagsters_home_is_where_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.dagster_home() is None
    monkeypatch.setenv("DAGSTER_HOME", "~/dagster")
    assert settings.dagster_home() == Path("~/dagster").expanduser()


def test_a_started_programs_environment_is_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = settings.environment()
    copied["CRYPTO_ASSETS_TEST"] = "x"
    assert "CRYPTO_ASSETS_TEST" not in settings.environment()
    monkeypatch.setenv("CRYPTO_ASSETS_TEST", "y")
    assert settings.environment()["CRYPTO_ASSETS_TEST"] == "y"


def wants(tmp_path: Path, text: str) -> dict[str, settings.Recording]:
    (tmp_path / settings.FILE).write_text(text)
    return settings.load().recordings()


def test_without_collectors_there_is_one_of_all_symbols(tmp_path: Path) -> None:
    assert wants(tmp_path, "") == {}
    (main,) = wants(tmp_path, 'symbols = ["BTCUSDT", "ETHUSDT"]\n').items()
    assert main == ("main", settings.Recording(symbols=("BTCUSDT", "ETHUSDT")))
    assert (main[1].streams, main[1].roll_seconds, main[1].kept_by) == (
        ("trade", "bookTicker"),
        30,
        "sensor",
    )


def test_collectors_are_named_and_have_the_symbols_at_the_top_unless_they_have_their_own(
    tmp_path: Path,
) -> None:
    found = wants(
        tmp_path,
        'symbols = ["BTCUSDT"]\n[collectors.second]\nkept_by = "service"\nroll_seconds = 5\n'
        '[collectors.eth-only]\nsymbols = ["ETHUSDT"]\nstreams = ["trade"]\nws_url = "ws://x"\n',
    )
    assert list(found) == ["second", "eth-only"]
    second, eth = found.values()
    assert (second.symbols, second.kept_by, second.roll_seconds) == (("BTCUSDT",), "service", 5)
    assert (eth.symbols, eth.streams, eth.ws_url) == (("ETHUSDT",), ("trade",), "ws://x")
    assert wants(tmp_path, 'symbols = ["BTCUSDT"]\n[collectors]\n') == {}


def test_a_collector_may_record_another_venue(tmp_path: Path) -> None:
    text = 'symbols = ["BTCUSDT"]\n[collectors.main]\n[collectors.other]\nvenue = "bybit"\n'
    main, other = wants(tmp_path, text).values()
    assert (main.venue, other.venue) == (None, "bybit")
    venues = [options_of(tmp_path, "binance", None, one).venue for one in (main, other)]
    assert venues == ["binance", "bybit"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[collectors."../x"]\nsymbols = ["BTCUSDT"]\n', "collector name '../x'"),
        ('[collectors.Main]\nsymbols = ["BTCUSDT"]\n', "collector name 'Main'"),
        (f'[collectors.{"x" * 41}]\nsymbols = ["BTCUSDT"]\n', "up to 40"),
        ("[collectors.main]\n", "collector 'main': expected symbols"),
        ('[collectors.main]\nsymbols = ["b/c"]\n', "symbol 'b/c'"),
        ('symbols = ["BTCUSDT"]\n[collectors.main]\nroll_seconds = 0\n', "> 0"),
        ('symbols = ["BTCUSDT"]\n[collectors.main]\nkept_by = "me"\n', "'me'"),
        ('symbols = ["BTCUSDT"]\n[collectors.main]\ncolour = 1\n', "colour"),
    ],
)
def test_a_collector_that_cannot_be_is_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises((InvalidName, InvalidSettings)) as refused:
        wants(tmp_path, text)
    assert said in str(refused.value)


def test_whose_new_trades_are_fetched_is_nobody_by_default(tmp_path: Path) -> None:
    assert settings.load().incremental.symbols == ()
    (tmp_path / settings.FILE).write_text('[incremental]\nsymbols = ["BTC/USDT"]\n')
    with pytest.raises(InvalidName, match="BTC/USDT"):
        settings.load()


def written(text: str) -> settings.Settings:
    Path(settings.FILE).write_text(text)
    return settings.load()


def test_a_warehouse_is_asked_for_by_its_project() -> None:
    assert settings.load().bigquery is None
    found = written('[bigquery]\nproject = "my-project"\nlayout = "table_per_symbol"\n').bigquery
    assert found is not None
    assert (found.project, found.dataset, found.is_emulator) == (
        "my-project",
        "crypto_assets",
        False,
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('project = "a`b"', "project: expected"),
        ('project = "my-project"\ndataset = "x.y"', "dataset: expected"),
        ('project = "my-project"\nlocation = "EU; DROP"', "location: expected"),
        ('project = "my-project"\nendpoint = "http://example.com"', "endpoint: expected https"),
        ('project = "my-project"\nendpoint = "file:///etc"', "endpoint: expected https"),
        ('project = "my-project"\nendpoint = "https://u:secret@x.com"', "without credentials"),
        ('project = "my-project"\ngrpc_endpoint = "example.com:443"', "on this machine"),
        ('project = "my-project"\nbucket = "s3://bucket"', "expected gs://"),
        ('project = "my-project"\nlayout = "other"', "layout"),
        ('project = "my-project"\nassets = ["raw_trades"]', "assets"),
    ],
)
def test_a_warehouse_that_cannot_be_is_refused(line: str, said: str) -> None:
    with pytest.raises(InvalidSettings, match=said) as refused:
        written(f"[bigquery]\n{line}\n")
    assert "secret" not in str(refused.value)


def test_only_an_endpoint_on_this_machine_is_an_emulators() -> None:
    for url, is_emulator in (
        ("http://127.0.0.1:9050", True),
        ("http://localhost:9050", True),
        ("http://[::1]:9050", True),
        ("https://bigquery-mine.p.googleapis.com", False),
        ("https://127.0.0.1.example.com", False),
    ):
        found = written(f'[bigquery]\nproject = "my-project"\nendpoint = "{url}"\n').bigquery
        assert found is not None
        assert found.is_emulator is is_emulator


@pytest.mark.parametrize(
    "url",
    ["ftp://bucket", "s3://", "s3://B", "gs://bucket/../x", "s3://bucket/a b", "s3://bucket//a"],
)
def test_an_address_that_is_no_buckets_is_refused(url: str) -> None:
    with pytest.raises(InvalidName, match="expected s3://bucket/prefix"):
        written(f'[objects]\nto = "{url}"\n')
