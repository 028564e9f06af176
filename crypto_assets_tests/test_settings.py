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


def test_the_warehouse_lies_beside_the_settings_that_name_it(tmp_path: Path) -> None:
    assert settings.load().warehouse == settings.Warehouse()
    text = '[warehouse]\npath = "db/w.duckdb"\ntables = ["BTCUSDT", "bybit:BTCUSDT"]\n'
    (tmp_path / settings.FILE).write_text(text)
    found = settings.load().warehouse
    assert found.path == str(tmp_path / "db" / "w.duckdb")
    assert found.tables == ("BTCUSDT", "bybit:BTCUSDT")


@pytest.mark.parametrize("table", ["trades_btcusdt", "x'; DROP TABLE y", ""])
def test_a_table_of_the_warehouse_is_named_by_its_symbol(table: str, tmp_path: Path) -> None:
    (tmp_path / settings.FILE).write_text(f'[warehouse]\ntables = ["{table}"]\n')
    with pytest.raises(InvalidName):
        settings.load()


def test_prices_have_coins_and_a_buffer_beside_the_file(tmp_path: Path) -> None:
    assert settings.load().prices.coins == ("bitcoin", "ethereum")
    (tmp_path / settings.FILE).write_text('[prices]\ncoins = ["usd-coin"]\ncsv = "p.csv"\n')
    found = settings.load().prices
    assert (found.coins, found.currencies) == (("usd-coin",), ("usd",))
    assert found.csv == str(tmp_path / "p.csv")


@pytest.mark.parametrize("line", ['coins = ["a/b"]', 'coins = [""]', 'currencies = ["U$D"]'])
def test_coins_and_currencies_that_are_none_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / settings.FILE).write_text(f"[prices]\n{line}\n")
    with pytest.raises(InvalidName):
        settings.load()


def test_a_key_is_of_its_plan_and_shows_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(settings.PRO_KEY_VARIABLE, raising=False)
    monkeypatch.setenv(settings.DEMO_KEY_VARIABLE, " ")
    assert settings.coingecko_key() is None
    monkeypatch.setenv(settings.DEMO_KEY_VARIABLE, "CG-0123456789abcdef")
    found = settings.coingecko_key()
    assert found is not None
    assert (found.is_pro, found.secret) == (False, "CG-0123456789abcdef")
    assert "0123456789" not in repr(found)
    monkeypatch.setenv(settings.PRO_KEY_VARIABLE, "CG-fedcba9876543210")
    found = settings.coingecko_key()
    assert found is not None
    assert found.is_pro


def test_a_key_that_would_break_out_of_its_header_is_refused_unseen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(settings.PRO_KEY_VARIABLE, raising=False)
    monkeypatch.setenv(settings.DEMO_KEY_VARIABLE, "secret\r\nX-Evil: 1")
    with pytest.raises(InvalidSettings, match=settings.DEMO_KEY_VARIABLE) as refused:
        settings.coingecko_key()
    assert "secret" not in str(refused.value)


def test_nothing_is_streamed_by_default_and_a_stream_has_defaults(tmp_path: Path) -> None:
    assert settings.load().stream is None
    (tmp_path / settings.FILE).write_text('[stream]\ncredentials = "nats.creds"\n')
    found = settings.load().stream
    assert found is not None
    assert (found.broker, found.name, found.warehouse) == ("nats", "trades", "duckdb")
    assert found.credentials == str(tmp_path / "nats.creds")
    assert settings.nats_urls(found) == ["nats://127.0.0.1:4222"]
    assert found.destination == "nats.trades"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('url = "nats://s3cret@127.0.0.1:4222"', settings.NATS_VARIABLE),
        ('url = "127.0.0.1:4222"', "expected an address such as"),
        ('url = "http://127.0.0.1"', "expected an address such as"),
        ('url = "nats://a:1,nats://"', "expected an address such as"),
        ('name = "a.b"', "expected up to 32 of a-z"),
        ('broker = "kafka"', "kafka"),
        ('broker = "pubsub"', "expected a project"),
        ("max_mb = 0", "max_mb"),
        ("batch_rows = 1_000_000", "batch_rows"),
    ],
)
def test_a_stream_that_cannot_be_is_refused_without_its_secret(
    text: str,
    said: str,
    tmp_path: Path,
) -> None:
    (tmp_path / settings.FILE).write_text(f"[stream]\n{text}\n")
    with pytest.raises((InvalidSettings, InvalidName), match=said) as found:
        settings.load()
    assert "s3cret" not in str(found.value)


def test_the_address_of_the_environment_wins_and_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(settings.NATS_VARIABLE, "tls://s3cret@a:4222,tls://u:s3cret@b:4222")
    urls = settings.nats_urls(settings.Stream())
    assert [settings.without_secret(url) for url in urls] == ["a:4222", "b:4222"]
    assert "s3cret" not in repr(settings.load())
    monkeypatch.setenv(settings.NATS_VARIABLE, "s3cret")
    with pytest.raises(InvalidSettings) as found:
        settings.nats_urls(settings.Stream())
    assert "s3cret" not in str(found.value)


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
