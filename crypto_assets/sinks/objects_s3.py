"""S3, and stores that speak it, through s3fs; credentials are those of the environment."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from crypto_assets.errors import InvalidSettings, Refused, StreamLost
from crypto_assets.sinks.objects import SHA256, VERSION, Checksum, Object, Outgoing, Overtaken

if TYPE_CHECKING:
    from s3fs import S3FileSystem

_MD5 = re.compile(r"[0-9a-f]{32}")
_OVERTAKEN = (409, 412)
_BUSY = (408, 429)
_SERVER = 500
_LARGEST = 5 << 30
"""One PUT has no more."""


class S3Bucket:
    """A prefix in a bucket."""

    def __init__(self, store: S3FileSystem, bucket: str, prefix: str) -> None:
        self.url = f"s3://{bucket}/{prefix}".rstrip("/")
        self._store, self._bucket = store, bucket
        self._prefix = f"{prefix}/" if prefix else ""

    def head(self, key: str) -> Object | None:
        """Say what is there under a key, None where nothing is."""
        with _translated(f"{self.url}/{key}"):
            try:
                found = self._call("head_object", key, ChecksumMode="ENABLED")
            except FileNotFoundError:
                return None
        labels = found.get("Metadata", {})
        return Object(
            tag=found["ETag"],
            size=found["ContentLength"],
            sha256=labels.get(SHA256),
            version=int(labels.get(VERSION, 0)),
            checksum=_checksum(found),
        )

    def put(self, outgoing: Outgoing, instead_of: Object | None) -> None:
        """Put a file in one piece, if the object there is still the one given, or still none."""
        url = f"{self.url}/{outgoing.key}"
        if outgoing.size > _LARGEST:
            raise Refused(f"{url}: expected at most {_LARGEST} bytes, found {outgoing.size}", 413)
        condition = {"IfNoneMatch": "*"} if instead_of is None else {"IfMatch": instead_of.tag}
        with _translated(url), outgoing.path.open("rb") as file:
            self._call(
                "put_object",
                outgoing.key,
                Body=file,
                ContentLength=outgoing.size,
                Metadata=outgoing.labels,
                # The store computes it of what it got, and refuses where it differs.
                ChecksumSHA256=Checksum(SHA256, outgoing.sha256).base64,
                **condition,
            )

    def _call(self, method: str, key: str, **given: Any) -> dict[str, Any]:
        named = {"Bucket": self._bucket, "Key": f"{self._prefix}{key}"}
        answer: dict[str, Any] = self._store.call_s3(method, **named, **given)
        return answer


def _checksum(found: dict[str, Any]) -> Checksum | None:
    """Find the store's own checksum: the sha256, else an ETag that is the md5.

    That of an encrypted object is none.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    """
    if text := found.get("ChecksumSHA256"):
        return Checksum.of_base64(SHA256, text)
    is_encrypted = found.get("ServerSideEncryption", "AES256") != "AES256"
    tag = found["ETag"].strip('"')
    if is_encrypted or not _MD5.fullmatch(tag):
        return None
    return Checksum("md5", tag)


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    """Translate what s3fs raises; a missing object stays ``FileNotFoundError`` within."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except NoCredentialsError as error:
        raise InvalidSettings(f"{url}: expected AWS credentials in the environment") from error
    except ClientError as error:
        raise _told(url, error.response) from error
    except BotoCoreError as error:
        raise StreamLost(f"{url}: {error}") from error
    except OSError as error:
        # s3fs makes what Python has of an answer, and keeps the answer as its cause.
        if isinstance(error.__cause__, ClientError):
            raise _told(url, error.__cause__.response) from error
        raise StreamLost(f"{url}: {error}") from error


def _told(url: str, response: Any) -> Overtaken | StreamLost | Refused:
    status = int(response["ResponseMetadata"]["HTTPStatusCode"])
    text = f"{url}: {status} {response['Error'].get('Code')} {response['Error'].get('Message')}"
    if status in _OVERTAKEN:
        return Overtaken(text)
    if status >= _SERVER or status in _BUSY:
        return StreamLost(text)
    return Refused(text, status)
