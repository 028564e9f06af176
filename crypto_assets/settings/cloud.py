"""What can be set of BigQuery and of object stores; credentials are not."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from crypto_assets.errors import InvalidName, InvalidSettings

_PROJECT = re.compile(r"(?:[a-z0-9.-]{1,63}:)?[a-z][a-z0-9-]{2,61}[a-z0-9]")
_DATASET = re.compile(r"\w{1,1024}", re.ASCII)
_LOCATION = re.compile(r"[A-Za-z0-9-]{1,63}")
_OBJECTS = re.compile(r"(s3|gs)://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](?:/[\w.=+-]+)*/?")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class BigQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which BigQuery dataset sealed days are loaded into.

    Credentials are not set here: Google's libraries find them in the environment.
    """

    project: str
    dataset: str = "crypto_assets"
    location: str | None = None
    """Where the dataset lies, such as ``EU``; by default where BigQuery makes one."""
    layout: Literal["one_table", "table_per_symbol"] = "one_table"
    """``trades`` of every symbol, or ``trades_btcusdt`` and so on."""
    assets: tuple[Literal["daily_trades", "daily_bars", "daily_quotes"], ...] = (
        "daily_trades",
        "daily_bars",
    )
    takes_unproven: bool = False
    """Whether days are loaded that are not proven complete."""
    bucket: str | None = None
    """``gs://bucket/prefix`` files are put to first and loaded from; by default they are sent."""
    endpoint: str | None = None
    """Another address than Google's. A loopback one is an emulator's and asked anonymously."""
    grpc_endpoint: str | None = None
    """``host:port`` of the emulator's Storage Write API."""

    @property
    def is_emulator(self) -> bool:
        """Whether the endpoint is on this machine: the only one that is asked anonymously."""
        return self.endpoint is not None and is_loopback(self.endpoint)


class Objects(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which object store sealed days are put to.

    Credentials are not set here: the libraries of S3 and GCS find them in the environment.
    """

    to: str | None = None
    """``s3://bucket/prefix`` or ``gs://bucket/prefix``; the lake's keys are below it."""
    assets: tuple[Literal["daily_trades", "daily_bars", "daily_quotes"], ...] = (
        "daily_trades",
        "daily_bars",
        "daily_quotes",
    )
    takes_unproven: bool = False
    """Whether days are put that are not proven complete."""
    endpoint: str | None = None
    """Another address than Amazon's or Google's, such as that of MinIO."""


def is_loopback(url: str) -> bool:
    """Whether a URL, or a ``host:port``, leads to this machine."""
    return urlsplit(url if "://" in url else f"//{url}").hostname in _LOOPBACK


def object_url(text: str) -> str:
    """Hold the address of a bucket, or of a prefix in one, against what may be written to.

    Raises:
        InvalidName: it is none of ``s3://bucket/prefix`` and ``gs://bucket/prefix``.
    """
    if not _OBJECTS.fullmatch(text) or "/../" in f"{text}/" or "/./" in f"{text}/":
        raise InvalidName(f"{text!r}: expected s3://bucket/prefix or gs://bucket/prefix")
    return text.rstrip("/")


def endpoint(block: str, url: str | None) -> str | None:
    """Hold an address against what credentials may be sent to.

    Raises:
        InvalidSettings: it is neither https nor on this machine.
    """
    if url is None:
        return None
    found = urlsplit(url)
    is_safe = found.scheme == "https" or (found.scheme == "http" and is_loopback(url))
    if not is_safe or not found.hostname or found.username or found.password:
        raise InvalidSettings(
            f"[{block}] endpoint: expected https://..., or http:// on this machine, without "
            f"credentials, found {found.scheme}://{found.hostname}",
        )
    return url


def hold_loadable(found: BigQuery) -> None:
    """Hold what ends in SQL and URLs against what BigQuery allows.

    Raises:
        InvalidSettings: the project, dataset, location or an endpoint is none.
        InvalidName: the bucket is none.
    """
    for what, value, pattern in (
        ("project", found.project, _PROJECT),
        ("dataset", found.dataset, _DATASET),
        ("location", found.location or "EU", _LOCATION),
    ):
        if not pattern.fullmatch(value):
            raise InvalidSettings(f"[bigquery] {what}: expected {pattern.pattern}, found {value!r}")
    endpoint("bigquery", found.endpoint)
    if found.grpc_endpoint is not None and not is_loopback(found.grpc_endpoint):
        raise InvalidSettings("[bigquery] grpc_endpoint: expected an emulator's on this machine")
    if found.bucket is not None and not object_url(found.bucket).startswith("gs://"):
        raise InvalidSettings(f"[bigquery] bucket: expected gs://..., found {found.bucket!r}")
