"""BigQuery jobs that run once, however often they are asked for.

A job is named after what it does: ask again after an answer that was lost, and BigQuery says that
there is such a job already (409); what became of it is then asked and waited for. A job that failed
keeps its name for ever, so the next try is named after how many failed before it.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from crypto_assets.errors import (
    CryptoAssetsError,
    InvalidSettings,
    Refused,
    StreamLost,
)

if TYPE_CHECKING:
    from google.cloud.bigquery import Client, LoadJob, QueryJob

Job = TypeVar("Job", bound="LoadJob | QueryJob")

_PREFIX = "crypto-assets"
_MOST_TRIES = 100
_TRANSIENT_FROM = 500
_TRANSIENT = (408, 429)
_CONTENDED = "concurrent update"
"""Of two transactions that change a table BigQuery lets one go on, and tells the other this."""
_TRANSIENT_REASONS = frozenset(
    {
        "backendError",
        "internalError",
        "jobBackendError",
        "jobInternalError",
        "jobRateLimitExceeded",
        "quotaExceeded",
        "rateLimitExceeded",
        "stopped",
        "tableUnavailable",
        "timeout",
    },
)


@dataclass(frozen=True, slots=True)
class Settled(Generic[Job]):
    """A job that has ended well."""

    job: Job
    job_id: str
    was_there: bool
    """Whether it had been begun before, by whoever asked for it first."""


def name_of(*parts: str) -> str:
    """Name a job after everything it depends on.

    At most 1,024 of letters, digits, ``-`` and ``_`` may be a job's id; the parts are hashed.
    """
    text = "\0".join(parts)
    return f"{_PREFIX}-{hashlib.sha256(text.encode()).hexdigest()[:40]}"


def settle(
    client: Client,
    name: str,
    location: str | None,
    begin: Callable[[str], Job],
    is_good: Callable[[], bool] = lambda: True,
) -> Settled[Job]:
    """Have a job end well, and begin it only where none of that name has or is about to.

    Args:
        client: Who is asked what became of a job that is there already.
        name: The job's, without the number of the try.
        location: Where it runs.
        begin: Begins the job under an id.
        is_good: Whether what such a job had left is still there.

    Raises:
        StreamLost: BigQuery cannot be reached or is busy; the same call goes on where this ended.
        Refused: it says no.
    """
    from google.api_core.exceptions import Conflict

    for attempt in range(_MOST_TRIES):
        job_id = f"{name}-{attempt}"
        with translated(job_id):
            try:
                job, was_there = begin(job_id), False
            except Conflict:
                job, was_there = cast("Job", _found(client, job_id, location)), True
            if was_there and job.state == "DONE" and job.error_result:
                continue
            job.result()
        if not was_there or is_good():
            return Settled(job, job_id, was_there)
    raise Refused(f"job {name}: expected it to end well, found {_MOST_TRIES} that failed", 409)


def _found(client: Client, job_id: str, location: str | None) -> object:
    """Ask for a job that is said to be there; that it is not shows a moment later only."""
    from google.api_core.exceptions import NotFound

    try:
        return client.get_job(job_id, location=location)
    except NotFound as error:
        raise StreamLost(f"{job_id}: said to be there already, and not found: {error}") from error


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Translate what Google's libraries raise into this package's errors.

    Raises:
        StreamLost: BigQuery cannot be reached, or says that it is busy.
        Refused: it says no.
        InvalidSettings: the environment has no credentials, or they cannot be used.
    """
    from google.api_core import exceptions
    from google.auth import exceptions as auth

    try:
        yield
    except (exceptions.RetryError, auth.TransportError, OSError) as error:
        # What requests raises is an OSError.
        raise StreamLost(f"{what}: {error}") from error
    except auth.GoogleAuthError as error:
        raise InvalidSettings(
            f"{what}: expected Google credentials in the environment "
            f"(GOOGLE_APPLICATION_CREDENTIALS), found {error}",
        ) from error
    except exceptions.GoogleAPICallError as error:
        raise told(what, error.code or 0, error.message, _reason(error.errors)) from error


def told(what: str, status: int, message: str, reason: str = "") -> CryptoAssetsError:
    """Make of an answer's status what it means for who asked."""
    is_transient = status >= _TRANSIENT_FROM or status in _TRANSIENT or _CONTENDED in message
    if is_transient or reason in _TRANSIENT_REASONS:
        return StreamLost(f"{what}: {status} {message}")
    return Refused(f"{what}: {status} {message}", status)


def _reason(errors: object) -> str:
    first = errors[0] if isinstance(errors, list | tuple) and errors else {}
    return str(first.get("reason", "")) if isinstance(first, dict) else ""
