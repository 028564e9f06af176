"""Cloud Storage through gcsfs; credentials are those of the environment.

https://cloud.google.com/storage/docs/request-preconditions
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from crypto_assets.errors import InvalidSettings, Refused, StreamLost
from crypto_assets.sinks.objects import (
    SHA256,
    VERSION,
    Checksum,
    Object,
    Outgoing,
    Overtaken,
    md5_of,
)

if TYPE_CHECKING:
    from gcsfs.core import GCSFileSystem

_FORBIDDEN = "Forbidden: "
_BUSY = (408, 429)
_SERVER = 500


class GcsBucket:
    """A prefix in a bucket."""

    def __init__(self, store: GCSFileSystem, bucket: str, prefix: str) -> None:
        self.url = f"gs://{bucket}/{prefix}".rstrip("/")
        self._store, self._bucket = store, bucket
        self._prefix = f"{prefix}/" if prefix else ""

    def head(self, key: str) -> Object | None:
        """Say what is there under a key, None where nothing is."""
        with _translated(f"{self.url}/{key}"):
            try:
                found = self._store.call(
                    "GET",
                    "b/{}/o/{}",
                    self._bucket,
                    f"{self._prefix}{key}",
                    json_out=True,
                )
            except FileNotFoundError:
                return None
        labels = found.get("metadata", {})
        return Object(
            tag=str(found["generation"]),
            size=int(found["size"]),
            sha256=labels.get(SHA256),
            version=int(labels.get(VERSION, 0)),
            # An object that was composed of others has none.
            checksum=Checksum.of_base64("md5", text) if (text := found.get("md5Hash")) else None,
        )

    def put(self, outgoing: Outgoing, instead_of: Object | None) -> None:
        """Put a file in one piece, if the object there is still the one given, or still none.

        The first request says what comes and what must be there; nothing is to be seen before the
        second, which has the bytes.
        """
        name = f"{self._prefix}{outgoing.key}"
        with _translated(f"{self.url}/{outgoing.key}"):
            headers, _ = self._store.call(
                "POST",
                f"{self._store._location}/upload/storage/v1/b/{self._bucket}/o",  # noqa: SLF001
                uploadType="resumable",
                name=name,
                ifGenerationMatch="0" if instead_of is None else instead_of.tag,
                # The store computes the md5 of what it got, and refuses where it differs.
                json={
                    "name": name,
                    "metadata": outgoing.labels,
                    "md5Hash": md5_of(outgoing.path).base64,
                },
                headers={"X-Upload-Content-Length": str(outgoing.size)},
            )
            with outgoing.path.open("rb") as file:
                self._store.call(
                    "PUT",
                    headers["Location"],
                    data=file,
                    headers={"Content-Length": str(outgoing.size)},
                )


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    """Translate what gcsfs raises."""
    import aiohttp
    from gcsfs.retry import HttpError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except HttpError as error:
        raise _told(url, int(error.code or 0), error) from error
    except GoogleAuthError as error:
        raise InvalidSettings(f"{url}: expected Google credentials, found {error}") from error
    except FileNotFoundError as error:
        raise Refused(f"{url}: 404 no such bucket", 404) from error
    except FileExistsError as error:
        # What gcsfs makes of 412, an unmet condition.
        raise Overtaken(f"{url}: 412 {error}") from error
    except ValueError as error:
        raise Refused(f"{url}: 400 {error}", 400) from error
    except (OSError, aiohttp.ClientError) as error:
        # What gcsfs makes of 403 is told from a connection by its words alone.
        if str(error).startswith(_FORBIDDEN):
            raise Refused(f"{url}: 403 {error}", 403) from error
        raise StreamLost(f"{url}: {error}") from error


def _told(url: str, status: int, error: Any) -> StreamLost | Refused:
    text = f"{url}: {status} {error}"
    if status >= _SERVER or status in _BUSY or not status:
        return StreamLost(text)
    return Refused(text, status)
