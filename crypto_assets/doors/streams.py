"""The doors of the stream: its broker, and the table it ends in."""

from __future__ import annotations

from pathlib import Path

from crypto_assets import settings
from crypto_assets.doors import warehouses
from crypto_assets.errors import InvalidSettings
from crypto_assets.lake.lake import Lake
from crypto_assets.model.message import Broker, Subscription, TradeSink
from crypto_assets.settings import Stream
from crypto_assets.sinks import duckdb_stream, nats, nats_pull, pubsub
from crypto_assets.sinks import nats_link as link


def broker_of(stream: Stream) -> Broker:
    """Open the broker that trades are published to.

    Raises:
        NotInstalled: its client is not there.
        StreamLost: it cannot be reached.
        InvalidSettings: it cannot be used as the settings say.
    """
    if stream.broker == "pubsub":
        return pubsub.PubSubBroker(_topic(stream))
    return nats.NatsBroker(_server(stream), _stream(stream))


def subscription_of(stream: Stream) -> Subscription:
    """Open the one consumer of a stream, named after the warehouse it writes to.

    Raises:
        NotInstalled: its client is not there.
        StreamLost: it cannot be reached.
        InvalidSettings: it cannot be used as the settings say.
    """
    if stream.broker == "pubsub":
        return pubsub.PubSubSubscription(
            _topic(stream),
            stream.warehouse,
            stream.redeliver_seconds,
        )
    return nats_pull.NatsSubscription(
        _server(stream),
        _stream(stream),
        stream.warehouse,
        stream.batch_rows,
        stream.redeliver_seconds,
    )


def trade_stream_of(
    lake: Lake,
    stream: Stream,
    dataset: settings.BigQuery | None = None,
) -> TradeSink:
    """Open the table ``trade_stream`` of a warehouse.

    Args:
        lake: Whose file of DuckDB it is.
        stream: Which warehouse it is in.
        dataset: Of BigQuery, where it is there.

    Raises:
        InvalidSettings: it is in BigQuery, and no dataset is set or it cannot be used as it is.
        NotInstalled: the extra ``gcp`` is not there.
    """
    if stream.warehouse == "duckdb":
        return duckdb_stream.TradeStream(lake.layout.trade_stream)
    if dataset is None:
        raise InvalidSettings("[bigquery]: expected a project, found no such block")
    return warehouses.bigquery_stream_of(dataset)


def _server(stream: Stream) -> link.Server:
    urls = settings.nats_urls(stream)
    shown = ", ".join(settings.without_secret(url) for url in urls)
    credentials = None if stream.credentials is None else Path(stream.credentials)
    return link.Server(urls=urls, shown=shown, credentials=credentials)


def _stream(stream: Stream) -> link.Stream:
    return link.Stream(
        name=stream.name,
        max_bytes=stream.max_mb << 20,
        duplicate_seconds=stream.duplicate_seconds,
        replicas=stream.replicas,
    )


def _topic(stream: Stream) -> pubsub.Topic:
    return pubsub.Topic(project=str(stream.project), name=stream.name)
