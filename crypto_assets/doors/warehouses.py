"""The doors to BigQuery and to object stores; credentials are those of the environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from crypto_assets import settings
from crypto_assets.errors import InvalidSettings
from crypto_assets.sinks.bigquery import Warehouse
from crypto_assets.sinks.bigquery_jobs import translated
from crypto_assets.sinks.bigquery_stream import TradeStream
from crypto_assets.sinks.extras import installed
from crypto_assets.sinks.objects import Bucket, outgoing_of, put
from crypto_assets.sinks.objects_gcs import GcsBucket
from crypto_assets.sinks.objects_s3 import S3Bucket
from crypto_assets.sinks.sealed import Sealed

if TYPE_CHECKING:
    from google.cloud.bigquery import Client
    from google.cloud.bigquery_storage_v1 import BigQueryWriteClient


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


def bigquery_stream_of(found: settings.BigQuery) -> TradeStream:
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
