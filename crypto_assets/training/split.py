"""Training, validation and test by time: nothing of a later part is known in an earlier one."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence

from crypto_assets.errors import InvalidName
from crypto_assets.model.span import Instant, Span, instant_us

_MICROSECOND = dt.timedelta(microseconds=1)


def split(span: Span, at: Sequence[Instant], gap: dt.timedelta = dt.timedelta(0)) -> list[Span]:
    """Cut a span at instants into one part more than there are of them.

    Every part ends before its instant, and the next begins ``gap`` after it: an embargo for
    features that look back further than a sample's own inputs. A sample lies whole in one part,
    its targets with it, so what a part before an instant is trained to foretell has happened
    before it (López de Prado, Advances in Financial Machine Learning, 7.4: purging and embargo).

    Raises:
        InvalidName: the instants do not ascend within the span, or leave a part nothing.
    """
    gap_us = gap // _MICROSECOND
    if gap_us < 0:
        raise InvalidName(f"gap {gap}: expected none or more")
    cuts = [instant_us(one) for one in at]
    starts = [span.start_us, *(cut + gap_us for cut in cuts)]
    ends = [*cuts, span.end_us]
    is_ascending = all(one < other for one, other in itertools.pairwise(cuts))
    if not is_ascending or any(end <= start for start, end in zip(starts, ends, strict=True)):
        raise InvalidName(
            f"splits at {', '.join(map(str, at))} with a gap of {gap}: expected ascending instants "
            "that leave every part some time",
        )
    return [Span(start, end) for start, end in zip(starts, ends, strict=True)]
