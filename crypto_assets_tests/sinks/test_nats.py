"""JetStream through a real server: repeats are dropped, a full stream waits, nothing is lost."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto_assets.errors import InvalidSettings, StreamLost
from crypto_assets.model.message import Message
from crypto_assets.sinks import nats_link
from crypto_assets.sinks.nats import NatsBroker
from crypto_assets.sinks.nats_link import Server, Stream
from crypto_assets.sinks.nats_pull import NatsSubscription
from crypto_assets.transforms.messages import messages_of
from crypto_assets_tests.broker import NatsServer, nats_server
from crypto_assets_tests.streamed import rows

STREAM = Stream(name="trades", max_bytes=16 << 20, duplicate_seconds=60)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with nats_server(tmp_path_factory.mktemp("nats")) as found:
        yield found


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats_link, "CONNECT_SECONDS", 0.5)


def at(server: NatsServer) -> Server:
    return Server(urls=[server.url], shown=server.shown)


def named(name: str, **changed: int) -> Stream:
    return Stream(name=name, **{"max_bytes": 16 << 20, "duplicate_seconds": 60, **changed})


def taken(server: NatsServer, stream: Stream, seconds: float = 0.5) -> list[str | None]:
    """Take everything there is, acknowledging it."""
    door = NatsSubscription(at(server), stream, "duckdb", 100)
    found: list[str | None] = []
    try:
        while got := door.pull(100, seconds):
            found += [one.id for one in got]
            door.ack(got)
    finally:
        door.close()
    return found


def test_a_trade_published_again_is_there_once_and_in_order(server: NatsServer) -> None:
    stream, messages = named("again"), messages_of(rows(range(300)))
    broker = NatsBroker(at(server), stream, window=50)
    try:
        assert broker.name == "nats.again"
        assert broker.publish(messages) == 0
        assert broker.publish(messages[100:] + messages_of(rows([300]))) == 200
        assert broker.publish([]) == 0
    finally:
        broker.close()
    assert taken(server, stream) == [f"binance/BTCUSDT/{one}" for one in range(301)]


def test_symbols_of_any_script_have_subjects(server: NatsServer) -> None:
    stream = named("scripts")
    broker = NatsBroker(at(server), stream)
    try:
        broker.publish(messages_of(rows([1], "币安人生USDT")))
    finally:
        broker.close()
    (name,) = taken(server, stream)
    assert name == "binance/_E5_B8_81_E5_AE_89_E4_BA_BA_E7_94_9FUSDT/1"


def test_what_is_not_acknowledged_or_given_back_comes_again(server: NatsServer) -> None:
    stream = named("back")
    broker = NatsBroker(at(server), stream)
    door = NatsSubscription(at(server), stream, "duckdb", 10)
    try:
        broker.publish(messages_of(rows(range(6))))
        got = door.pull(6, 5)
        assert len(got) == 6
        door.ack(got[:2])
        door.reject(got[2:4])
        door.nack(got[4:])
        again = door.pull(2, 5)
        assert {one.id for one in again} == {one.id for one in got[4:]}
        door.ack(again)
        assert door.pull(1, 0.2) == []
    finally:
        door.close()
        broker.close()


def test_a_full_stream_makes_the_publisher_wait_until_there_is_room(server: NatsServer) -> None:
    stream = named("full", max_bytes=64 << 10)
    broker = NatsBroker(at(server), stream)
    messages = messages_of(rows(range(1_000)))
    assert sum(len(one.payload) for one in messages) > 2 * stream.max_bytes
    done: list[int] = []
    publisher = threading.Thread(target=lambda: done.append(broker.publish(messages)))
    publisher.start()
    found: set[str | None] = set()
    door = NatsSubscription(at(server), stream, "duckdb", 100)
    try:
        while len(found) < len(messages):
            got = door.pull(100, 2)
            found |= {one.id for one in got}
            door.ack(got)
        publisher.join()
    finally:
        door.close()
        broker.close()
    assert done == [0]
    assert found == {one.id for one in messages}


def test_a_stream_that_stays_full_is_given_up_and_said(server: NatsServer) -> None:
    broker = NatsBroker(at(server), named("stuck", max_bytes=4 << 10), patience=0.3)
    try:
        with pytest.raises(StreamLost, match="maximum bytes exceeded"):
            broker.publish(messages_of(rows(range(100))))
    finally:
        broker.close()


def test_a_message_no_stream_can_take_is_said_at_once(server: NatsServer) -> None:
    broker = NatsBroker(at(server), named("large"))
    try:
        with pytest.raises(StreamLost):
            broker.publish([Message("x", "binance", "BTC", b"x" * (2 << 20))])
    finally:
        broker.close()


def test_a_server_that_is_killed_and_started_again_loses_and_repeats_nothing(
    tmp_path: Path,
) -> None:
    messages = messages_of(rows(range(2_000)))
    with nats_server(tmp_path / "nats") as server:
        broker = NatsBroker(at(server), STREAM)
        try:
            broker.publish(messages[:500])
            server.kill()
            server.start()
            assert broker.publish(messages) == 500
        finally:
            broker.close()
        assert taken(server, STREAM) == [one.id for one in messages]


def test_limits_are_changed_and_another_use_of_the_name_is_refused(server: NatsServer) -> None:
    NatsBroker(at(server), named("limits")).close()
    NatsBroker(at(server), named("limits", max_bytes=8 << 20, duplicate_seconds=30)).close()

    async def described() -> tuple[int, float]:
        import nats

        client = await nats.connect(server.url)
        await client.jsm().add_stream(name="other", subjects=["other.>"])
        found = (await client.jsm().stream_info("limits")).config
        await client.close()
        return int(found.max_bytes or 0), found.duplicate_window

    assert asyncio.run(described()) == (8 << 20, 30)
    with pytest.raises(InvalidSettings, match="name another one"):
        NatsBroker(at(server), named("other"))


def test_a_server_that_is_not_there_is_said_without_its_secret(
    hasty: None,
    tmp_path: Path,
) -> None:
    with nats_server(tmp_path / "nats") as server:
        pass
    secret = Server(urls=[f"nats://s3cret@{server.shown}"], shown=server.shown)
    assert "s3cret" not in repr(secret)
    with pytest.raises(StreamLost, match=server.shown) as found:
        NatsBroker(secret, STREAM)
    assert "s3cret" not in str(found.value)
    assert found.value.__suppress_context__


def test_a_token_opens_a_server_that_wants_one(hasty: None, tmp_path: Path) -> None:
    with nats_server(tmp_path / "nats", "--auth", "s3cret") as server:
        with pytest.raises(StreamLost):
            NatsBroker(at(server), STREAM)
        urls = [f"nats://s3cret@{server.shown}"]
        nats_link.CONNECT_SECONDS = 5.0
        NatsBroker(Server(urls=urls, shown=server.shown), STREAM).close()


def test_messages_a_killed_server_forgot_to_give_come_after_all(tmp_path: Path) -> None:
    """Its consumer is said to have had all that there is, and the messages are there again."""
    store, stream = tmp_path / "store", named("forgot")
    with nats_server(store) as own:
        broker = NatsBroker(at(own), stream)
        broker.publish(messages_of(rows(range(40))))
        broker.close()
        own.stop()
        (messages,) = store.rglob("streams/forgot/msgs")
        shutil.copytree(messages, tmp_path / "before")
        own.start()
        assert len(taken(own, stream)) == 40
        own.stop()
        shutil.rmtree(messages)
        shutil.copytree(tmp_path / "before", messages)
        own.start()
        assert sorted(taken(own, stream), key=str) == sorted(
            (f"binance/BTCUSDT/{one}" for one in range(40)), key=str
        )
        assert taken(own, stream) == []
