"""Tallies: texts as numbers, and sums by number, over more batches than fit in memory."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

# Numbers that wait before they are summed: ten megabytes, and as much again several times while they are.
_WAITING = 1_000_000
Ints = NDArray[np.int64]


class Codes:
    """A number for each text, in the order in which texts are first seen."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self._code: dict[str, int] = {}

    def of(self, texts: pa.Array) -> Ints:
        """The numbers of texts, of shape (texts,)."""
        encoded = texts.dictionary_encode()
        places: Ints = encoded.indices.to_numpy(zero_copy_only=False)
        return self.of_all(encoded.dictionary.to_pylist())[places]

    def of_all(self, texts: Iterable[str]) -> Ints:
        """The same for a plain list."""
        return np.array([self._of_one(text) for text in texts], dtype=np.int64)

    def names(self, codes: Ints) -> pa.Array:
        """The texts of numbers."""
        return pa.array(self.ids, pa.string()).take(pa.array(codes))

    def _of_one(self, text: str) -> int:
        code = self._code.setdefault(text, len(self.ids))
        if code == len(self.ids):
            self.ids.append(text)
        return code


class Tally:
    """How often each number came, and how often of these with a mark. Numbers lie below 2^62."""

    def __init__(self) -> None:
        nothing = np.empty(0, dtype=np.int64)
        self._sums = Sums(nothing, nothing, nothing)
        self._waiting: list[Ints] = []
        self._waits = 0

    def add(self, numbers: Ints, marks: NDArray[np.bool_]) -> None:
        """Numbers and marks of shape (n,)."""
        # Side by side in one number: to sort numbers is ten times faster than to find out their order.
        self._waiting.append((numbers << 1) | marks)
        self._waits += len(numbers)
        if self._waits > max(_WAITING, len(self._sums.numbers)):
            self._sum_up()

    def sums(self) -> "Sums":
        """Of all that was added."""
        self._sum_up()
        return self._sums

    def _sum_up(self) -> None:
        if self._waits:
            self._sums = _merged(self._sums, _counted(np.sort(np.concatenate(self._waiting))))
        self._waiting, self._waits = [], 0


class Sums(NamedTuple):
    """Numbers, ascending, how often each came with a mark, and how often at all: arrays of shape (numbers,)."""

    numbers: Ints
    marked: Ints
    every: Ints


def _counted(packed: Ints) -> Sums:
    """Of numbers with their marks as the last bit, sorted."""
    numbers = packed >> 1
    begins = np.flatnonzero(np.r_[True, np.diff(numbers) != 0])
    return Sums(numbers[begins], np.add.reduceat(packed & 1, begins), np.diff(np.r_[begins, len(packed)]))


def _merged(first: Sums, second: Sums) -> Sums:
    if not len(first.numbers):
        return second
    numbers = np.sort(np.concatenate([first.numbers, second.numbers]))
    numbers = numbers[np.r_[True, np.diff(numbers) != 0]]
    sums = Sums(numbers, np.zeros_like(numbers), np.zeros_like(numbers))
    for part in (first, second):
        places = np.searchsorted(numbers, part.numbers)
        sums.marked[places] += part.marked
        sums.every[places] += part.every
    return sums
