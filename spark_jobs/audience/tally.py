"""Tallies: texts as numbers, and sums by number, over more batches than fit in memory."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

# Numbers that wait before they are summed: some tens of megabytes.
_WAITING = 4_000_000
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
    """How often each number came, and how often of these with a mark."""

    def __init__(self) -> None:
        nothing = np.empty(0, dtype=np.int64)
        self._numbers, self._marked, self._all = nothing, nothing, nothing
        self._waiting: list[tuple[Ints, Ints, Ints]] = []
        self._waits = 0

    def add(self, numbers: Ints, marks: NDArray[np.bool_]) -> None:
        """Numbers and marks of shape (n,)."""
        self._put(*_summed(numbers, marks.astype(np.int64), np.ones(len(numbers), dtype=np.int64)))

    def sums(self) -> tuple[Ints, Ints, Ints]:
        """The numbers ascending, how often each came with a mark, and how often at all."""
        self._sum_up()
        return self._numbers, self._marked, self._all

    def _put(self, numbers: Ints, marked: Ints, every: Ints) -> None:
        self._waiting.append((numbers, marked, every))
        self._waits += len(numbers)
        if self._waits > max(_WAITING, len(self._numbers)):
            self._sum_up()

    def _sum_up(self) -> None:
        parts = [(self._numbers, self._marked, self._all), *self._waiting]
        self._numbers, self._marked, self._all = _summed(
            *(np.concatenate(column) for column in zip(*parts, strict=True))
        )
        self._waiting, self._waits = [], 0


def _summed(numbers: Ints, marked: Ints, every: Ints) -> tuple[Ints, Ints, Ints]:
    if not len(numbers):
        return numbers, marked, every
    order = np.argsort(numbers, kind="stable")
    numbers = numbers[order]
    begins = np.flatnonzero(np.r_[True, np.diff(numbers) != 0])
    return numbers[begins], np.add.reduceat(marked[order], begins), np.add.reduceat(every[order], begins)
