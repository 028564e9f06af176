"""Pub/Sub through Google's real client, against our own fake of the service."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip(
    "google.cloud.pubsub_v1",
    reason="google-cloud-pubsub is not there: pip install 'crypto-assets[gcp]'",
)

from google.pubsub_v1.types import pubsub

from crypto_assets.errors import StreamLost
from crypto_assets.lake.layout import Layout
from crypto_assets.lake.streamed import letters
from crypto_assets.pipeline.consume import Batch, Consumed, consume
from crypto_assets.sinks.duckdb_stream import TradeStream
from crypto_assets.sinks.pubsub import PubSubBroker, PubSubSubscription, Topic
from crypto_assets.transforms.messages import messages_of
from crypto_assets_tests.sinks.pubsub_double import Double, double
from crypto_assets_tests.streamed import rows

TOPIC = Topic(project="a-project", name="trades")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    with double() as (found, address):
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield found


@pytest.fixture
def broker(service: Double) -> Iterator[PubSubBroker]:
    found = PubSubBroker(TOPIC, patience=5)
    yield found
    found.close()


@pytest.fixture
def door(broker: PubSubBroker) -> Iterator[PubSubSubscription]:
    found = PubSubSubscription(TOPIC, "duckdb")
    yield found
    found.close()


def test_a_trade_has_its_id_and_the_key_that_orders_it(
    service: Double,
    broker: PubSubBroker,
) -> None:
    assert broker.name == "pubsub.a-project.trades"
    assert broker.publish(messages_of(rows(range(5))) + messages_of(rows([9], "币安USDT"))) == 0
    found = [(one.attributes["id"], one.ordering_key) for one in service.published]
    assert [one for one in found if one[1] == "binance/BTCUSDT"] == [
        (f"binance/BTCUSDT/{number}", "binance/BTCUSDT") for number in range(5)
    ]
    other = "binance/_E5_B8_81_E5_AE_89USDT"
    assert (f"{other}/9", other) in found


def test_what_was_refused_is_published_again(service: Double, broker: PubSubBroker) -> None:
    service.refuse = 1
    broker.publish(messages_of(rows(range(5))))
    names = {one.attributes["id"] for one in service.published}
    assert names == {f"binance/BTCUSDT/{number}" for number in range(5)}


def test_a_service_that_refuses_for_long_is_given_up(service: Double) -> None:
    broker = PubSubBroker(TOPIC, patience=1)
    try:
        service.refuse = 10**6
        with pytest.raises(StreamLost, match="refused on order"):
            broker.publish(messages_of(rows([1])))
    finally:
        service.refuse = 0
        broker.close()


def test_what_is_given_back_comes_again_and_what_is_acknowledged_does_not(
    broker: PubSubBroker,
    door: PubSubSubscription,
) -> None:
    broker.publish(messages_of(rows(range(4))))
    got = door.pull(4, 5)
    assert [one.id for one in got] == [f"binance/BTCUSDT/{number}" for number in range(4)]
    door.ack(got[:2])
    door.reject(got[2:3])
    door.nack(got[3:])
    (again,) = door.pull(1, 5)
    assert again.id == got[3].id
    door.ack([again])
    assert door.pull(1, 0.1) == []


def test_every_trade_is_in_the_table_once_however_often_it_is_delivered(
    service: Double,
    broker: PubSubBroker,
    door: PubSubSubscription,
    tmp_path: Path,
) -> None:
    layout = Layout(tmp_path)
    broker.publish(messages_of(rows(range(50))))
    door.pull(20, 5)
    service.repeat()
    broker.publish(messages_of(rows(range(40, 60))))
    poison = {"data": b"no trade"}
    service.Publish(pubsub.PublishRequest(topic=TOPIC.path, messages=[poison]), None)
    sink = TradeStream(layout.trade_stream)
    found = consume(
        layout,
        "trades",
        lambda: door,
        sink,
        Batch(100, 1.0),
        ended=threading.Event(),
        until_empty=True,
    )
    assert found == Consumed(messages=71, new=60, letters=1)
    (letter,) = letters(layout, "trades")
    assert letter.payload == b"no trade"


def test_a_subscription_to_no_topic_is_said(service: Double) -> None:
    with pytest.raises(StreamLost, match="topic"):
        PubSubSubscription(TOPIC, "duckdb")
