"""A block of text read by position: the same place of many lines at once, as 64-bit words.

A line by line parser spends its time on objects. Here eight bytes of every line are one number of
one array, so that comparing a literal or reading a decimal is a handful of array operations, and
every byte that is taken for granted is still compared. The way eight digits become a number is
Daniel Lemire's ("Number parsing at a gigabyte per second", 2021, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Octets = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

DIGITS = 18
"""The longest whole number that is read; it always fits 64 bits."""

_EIGHT = 8
# Words and literals near either end of the text reach at most this far beyond it.
_MARGIN = bytes(32)
_ALL = 0xFFFF_FFFF_FFFF_FFFF
_ZEROS = 0x3030_3030_3030_3030
# Of a word that ends where a number ends, the bytes that belong to the number, by its length;
# the bytes before it become the digit 0.
_KEEP = np.array([0, *(_ALL << (64 - 8 * k) & _ALL for k in range(1, 9))], dtype=np.uint64)
_FILL = np.uint64(_ZEROS) & ~_KEEP
POWERS = np.array([10**k for k in range(19)], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Text:
    """Bytes between two margins, and the word that starts at each of them."""

    data: bytes
    octets: Octets
    words: Words
    start: int
    """Where the bytes begin, behind the margin."""

    @classmethod
    def of(cls, data: memoryview) -> Self:
        """Copy bytes; every position in the text is an index into ``data`` of the copy.

        Positions of a line may then be taken 26 bytes too far either way without leaving the
        text, so that a line of the wrong shape is found wrong and not read out of bounds.
        """
        framed = b"".join((_MARGIN, data, _MARGIN))
        words = np.ndarray((len(framed) - 7,), dtype="<u8", buffer=framed, strides=(1,))
        return cls(framed, np.frombuffer(framed, dtype=np.uint8), words, len(_MARGIN))

    def marks(self, *characters: int) -> Ints:
        """Find every place of any of the characters, ascending."""
        found = self.octets == characters[0]
        for character in characters[1:]:
            found |= self.octets == character
        return np.flatnonzero(found)

    def says(self, at: Ints, literal: bytes) -> Mask:
        """Whether the literal stands at each position."""
        count = len(literal)
        if count < _EIGHT:
            padded = literal.rjust(_EIGHT, b"\0")
            found = self.words[at + (count - _EIGHT)] & _KEEP[count]
            short: Mask = np.equal(found, np.frombuffer(padded, dtype="<u8")[0])
            return short
        mask = np.ones(len(at), dtype=np.bool_)
        for offset in (*range(0, count - 7, _EIGHT), *([count - _EIGHT] if count % _EIGHT else [])):
            expected = np.frombuffer(literal, dtype="<u8", count=1, offset=offset)[0]
            mask &= np.equal(self.words[at + offset if offset else at], expected)
        return mask

    def choice(self, start: Ints, end: Ints, literals: tuple[bytes, ...]) -> list[Mask]:
        """Say for each literal, of up to eight bytes, whether ``[start, end)`` is just that."""
        words, length = self.words[end - _EIGHT], end - start
        found: list[Mask] = []
        for literal in literals:
            padded = np.frombuffer(literal.rjust(_EIGHT, b"\0"), dtype="<u8")[0]
            count = len(literal)
            found.append((length == count) & np.equal(words & _KEEP[count], padded))
        return found

    def digits(self, end: Ints) -> tuple[Ints, Mask]:
        """Read the eight digits that end before each position."""
        words = self.words[end - _EIGHT]
        return _value(words), _are_digits(words)

    def whole(self, start: Ints, end: Ints) -> tuple[Ints, Mask]:
        """Read the whole numbers ``[start, end)``, 1 to 18 digits; False where it is no such."""
        length = end - start
        longest = int(length.max(initial=0))
        words = self._tail(end, length)
        value, good = _value(words), _are_digits(words)
        good &= (length > 0) & (length <= DIGITS)
        for behind in (8, 16):
            if longest > behind:
                words = self._tail(end - behind, length - behind)
                value += _value(words) * POWERS[behind]
                good &= _are_digits(words)
        return value, good

    def fraction(self, start: Ints, end: Ints) -> tuple[Ints, Mask]:
        """Read the digits ``[start, end)`` behind a point, 1 to 8 of them, in units of 1e-8."""
        length = end - start
        words = self._tail(end, length)
        good = _are_digits(words) & (length > 0) & (length <= _EIGHT)
        return _value(words) * POWERS[_EIGHT - np.clip(length, 0, _EIGHT)], good

    def decimal(self, start: Ints, point: Ints, end: Ints) -> tuple[Ints, Mask]:
        """Read ``[start, end)`` in units of 1e-8: at most 10 digits, a point, 1 to 8 digits."""
        above, good = self.whole(start, point)
        below, fine = self.fraction(point + 1, end)
        good &= fine & (point - start <= DIGITS - _EIGHT)
        return above * POWERS[_EIGHT] + below, good

    def spell(self, start: Ints, end: Ints, most: int) -> tuple[list[Words], Mask]:
        """Give the text ``[start, end)`` as words, equal in all where the text is equal.

        The first is the length. False where the text is longer than ``most`` bytes.
        """
        length = end - start
        spelt = [length.view(np.uint64)]
        for behind in range(0, min(int(length.max(initial=0)), most), _EIGHT):
            kept = np.clip(length - behind, 0, _EIGHT)
            spelt.append(self.words[end - (behind + _EIGHT)] & _KEEP[kept])
        return spelt, (length >= 0) & (length <= most)

    def _tail(self, end: Ints, length: Ints) -> Words:
        """Take the word that ends at each position, digit 0 in front of the last ``length``."""
        words = self.words[end - _EIGHT]
        shortest, longest = int(length.min(initial=_EIGHT)), int(length.max(initial=0))
        if shortest >= _EIGHT:
            return words
        # In most blocks a field is as long in every line: one mask then serves them all.
        kept = shortest if 0 <= shortest == longest else np.clip(length, 0, _EIGHT)
        words &= _KEEP[kept]
        words |= _FILL[kept]
        return words


def _are_digits(words: Words) -> Mask:
    """Whether all eight bytes are ``0`` to ``9``: high halves 3, and still 3 after adding 6."""
    high = np.uint64(0xF0F0_F0F0_F0F0_F0F0)
    shifted = words + np.uint64(0x0606_0606_0606_0606)
    shifted &= high
    shifted |= (words & high) >> np.uint64(4)
    good: Mask = np.equal(shifted, np.uint64(0x3333_3333_3333_3333))
    return good


def _value(words: Words) -> Ints:
    """Read eight digits; the first in the text is the lowest byte. Other bytes give nonsense."""
    pairs = words - np.uint64(_ZEROS)
    pairs = pairs * np.uint64(10) + (pairs >> np.uint64(8))
    mask = np.uint64(0x0000_00FF_0000_00FF)
    left = (pairs & mask) * np.uint64(0x000F_4240_0000_0064)
    pairs >>= np.uint64(16)
    pairs &= mask
    pairs *= np.uint64(0x0000_2710_0000_0001)
    left += pairs
    left >>= np.uint64(32)
    return left.view(np.int64)
