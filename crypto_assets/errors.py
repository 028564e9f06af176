"""Every error this package raises on purpose, as one tree.

::

    CryptoAssetsError
    ├── Transient                 the same call may succeed later: retry
    │   └── StreamLost            a connection that could not be opened, or has ended
    └── Terminal                  the same call fails again: say why, change the input
        ├── InvalidName           a venue, symbol, date or path that may not reach disk or SQL
        ├── InvalidSettings       a settings file or environment variable that cannot be used
        ├── UnreadableInput       a file whose bytes are not what its name says
        ├── ChecksumMismatch      bytes whose sha256 is not the published one
        ├── SchemaMismatch        a frame or file whose columns are not the declared ones
        ├── CommitFailed          a file that reads back differently from what was written
        ├── NotInstalled          an optional package that is not there
        ├── NothingStored         a partition without the data that was asked for
        ├── UnsafeQuery           SQL that is not one reading statement
        └── Refused               a server that answers, and will not serve this
"""

from __future__ import annotations


class CryptoAssetsError(Exception):
    """The root: catch this to catch everything raised on purpose."""


class Transient(CryptoAssetsError):
    """The same call may succeed later."""


class StreamLost(Transient):
    """A connection that could not be opened, or has ended.

    ``retry_after`` is how many seconds the other side asked to be left alone.
    """

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Terminal(CryptoAssetsError):
    """The same call fails again until its input changes."""


class InvalidName(Terminal):
    """A venue, symbol, date or path that may not reach disk or SQL."""


class InvalidSettings(Terminal):
    """A settings file or environment variable that cannot be used."""


class UnreadableInput(Terminal):
    """A file whose bytes are not what its name says."""


class ChecksumMismatch(Terminal):
    """Bytes whose sha256 is not the published one."""


class SchemaMismatch(Terminal):
    """A frame or file whose columns are not the declared ones."""


class CommitFailed(Terminal):
    """A file that reads back differently from what was written."""


class NotInstalled(Terminal):
    """An optional package that is not there."""


class NothingStored(Terminal):
    """A partition without the data that was asked for."""


class UnsafeQuery(Terminal):
    """SQL that is not one reading statement."""


class Refused(Terminal):
    """A server that answers, and will not serve this; ``status`` is its HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
