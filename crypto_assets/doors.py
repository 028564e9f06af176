"""The doors the use cases are given: who talks to the network for them, and within which limits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from crypto_assets import settings
from crypto_assets.errors import InvalidSettings
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.limits import HostFile
from crypto_assets.pipeline.heal import Doors
from crypto_assets.pipeline.published import Archive
from crypto_assets.settings import Healing
from crypto_assets.sinks.bigquery import Warehouse
from crypto_assets.sinks.bigquery_jobs import installed, translated
from crypto_assets.sinks.bigquery_stream import TradeStream
from crypto_assets.sinks.objects import Bucket, outgoing_of, put
from crypto_assets.sinks.objects_gcs import GcsBucket
from crypto_assets.sinks.objects_s3 import S3Bucket
from crypto_assets.sinks.sealed import Sealed
from crypto_assets.sources import archive
from crypto_assets.sources.binance import BINANCE
from crypto_assets.sources.budget import SharedBudget
from crypto_assets.sources.history import TradeHistory

if TYPE_CHECKING:
    from google.cloud.bigquery import Client
    from google.cloud.bigquery_storage_v1 import BigQueryWriteClient


def open_doors(lake: Lake, healing: Healing, files: settings.Archive) -> Doors:
    """Give the doors of a lake, as its settings say where they lead."""
    published = archive_of(lake, files, healing)
    return Doors(history_of(lake, healing.http_url), published, time.sleep, now_us)


def archive_of(lake: Lake, files: settings.Archive, healing: Healing) -> Archive | None:
    """Give the door to what is published, None where nobody is to be asked."""
    if not files.urls:
        return None
    rest = {BINANCE.name: history_of(lake, healing.http_url)} if BINANCE.name in files.urls else {}
    return Archive(
        hosts={
            venue: archive.Archive(url, files.listing_urls.get(venue), budget_of(lake, url))
            for venue, url in files.urls.items()
        },
        rest=rest,
        now_us=now_us,
        at_once=files.at_once,
        monthly_up_to=files.monthly_up_to_mb << 20,
    )


def history_of(lake: Lake, http_url: str) -> TradeHistory:
    """Give the REST door to a host."""
    return TradeHistory(http_url, budget_of(lake, http_url))


def budget_of(lake: Lake, base_url: str) -> SharedBudget:
    """Give the one budget that every process on the lake has for a host."""
    return SharedBudget(HostFile(lake.layout.limits(urlsplit(base_url).netloc)))


def now_us() -> int:
    """Tell this machine's time, in microseconds since 1970."""
    return time.time_ns() // 1_000


def bigquery_of(found: settings.BigQuery, home: str) -> Warehouse:
    """Give the door to a BigQuery dataset, as the settings say.

    Raises:
        NotInstalled: the extra ``gcp`` is not there.
        InvalidSettings: the environment has no credentials.
    """
    return warehouse_of(bigquery_client(found), found, home)


def warehouse_of(client: Client, found: settings.BigQuery, home: str) -> Warehouse:
    """Give the door to the settings' dataset through a client that is there."""
    return Warehouse(
        client,
        found.dataset,
        location=found.location,
        per_symbol=found.layout == "table_per_symbol",
        home=home,
        uri_of=None if found.bucket is None else _put_first(bucket_of(found.bucket, None)),
    )


def _put_first(bucket: Bucket) -> Callable[[Sealed], str]:
    """Put a file into a bucket, and say where it is: BigQuery reads it from there."""

    def uri_of(sealed: Sealed) -> str:
        return put(bucket, outgoing_of(sealed)).url

    return uri_of


def bigquery_client(found: settings.BigQuery) -> Client:
    """Give a client of BigQuery.

    One on this machine is an emulator, which is told no credentials; Google's are found in the
    environment.

    Raises:
        NotInstalled: the extra ``gcp`` is not there.
        InvalidSettings: the environment has no credentials.
    """
    with installed("gcp"):
        from google.api_core.client_options import ClientOptions
        from google.auth.credentials import AnonymousCredentials
        from google.cloud.bigquery import Client
    options = ClientOptions(api_endpoint=found.endpoint) if found.endpoint else None
    credentials = AnonymousCredentials() if found.is_emulator else None
    with translated("BigQuery"):
        return Client(
            project=found.project,
            credentials=credentials,
            client_options=options,
            location=found.location,
        )


def trade_stream_of(found: settings.BigQuery) -> TradeStream:
    """Give the door to the table that trades are streamed into.

    Raises:
        NotInstalled: the extra ``gcp`` is not there.
        InvalidSettings: the environment has no credentials, or the emulator's gRPC is not named.
    """
    client = bigquery_client(found)
    with installed("gcp"):
        from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
    with translated("the Storage Write API"):
        writer = _emulated(found) if found.is_emulator else BigQueryWriteClient()
    return TradeStream(client, writer, found.dataset, found.location)


def _emulated(found: settings.BigQuery) -> BigQueryWriteClient:
    import grpc
    from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
    from google.cloud.bigquery_storage_v1.services.big_query_write import transports

    if found.grpc_endpoint is None:
        raise InvalidSettings("[bigquery] grpc_endpoint: expected an emulator's, found none")
    channel = grpc.insecure_channel(found.grpc_endpoint)
    return BigQueryWriteClient(transport=transports.BigQueryWriteGrpcTransport(channel=channel))


def bucket_of(url: str, endpoint: str | None) -> Bucket:
    """Give the door to a prefix of a bucket, ``s3://bucket/prefix`` or ``gs://bucket/prefix``.

    Credentials are those of the environment; a Cloud Storage on this machine is asked without.

    Raises:
        InvalidName: the address is none.
        NotInstalled: the extra ``s3`` or ``gcp`` is not there.
    """
    scheme, _, rest = settings.object_url(url).partition("://")
    name, _, prefix = rest.partition("/")
    if scheme == "s3":
        with installed("s3"):
            from s3fs import S3FileSystem
        return S3Bucket(S3FileSystem(endpoint_url=endpoint), name, prefix)
    with installed("gcp"):
        # Not gcsfs.GCSFileSystem: that one asks every bucket for its kind first, and hangs where
        # the answer is missing.
        from gcsfs.core import GCSFileSystem
    is_own = endpoint is not None and settings.is_loopback(endpoint)
    token = "anon" if is_own else None
    return GcsBucket(GCSFileSystem(token=token, endpoint_url=endpoint), name, prefix)
