"""The bootstrap of demand over the lead time: run the chain, draw a size for each month with demand, add up.

Willemain, Smart and Schwarz (2004), IJF 20:375-387; the lead time is drawn from those observed.
"""

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spark_jobs.inventory.chain import Chain
from spark_jobs.inventory.lead_time import months_of
from spark_jobs.inventory.philox import four_words
from spark_jobs.inventory.tail import Tail

# A fitted tail has no end; a size this many times the largest that was ever asked for is not planned for.
LARGEST_OF_TAIL = 5.0
_WORDS = 2.0**32


def lead_time_demand(
    key: int,
    chain: Chain,
    sizes: NDArray[np.float64],
    lead_times: Sequence[float],
    iterations: int,
    jitter: bool,
    tail: Tail | None = None,
    first: int = 0,
) -> NDArray[np.float64]:
    """Demand over the lead time in units, one draw an iteration, shape (iterations,).

    ``key``: the material's stream of random numbers; ``sizes``: units of the months with demand; ``lead_times``: months,
    each as likely; ``tail``: what sizes above its threshold are drawn from instead, at most ``LARGEST_OF_TAIL`` times the
    largest seen. Iteration i draws the same numbers whatever the number of iterations; ``first`` is the first of them.
    """
    plans = [months_of(lead_time) for lead_time in lead_times]
    largest = LARGEST_OF_TAIL * float(sizes.max())
    beyond = (np.inf, 0.0, 0.0, 0.0)
    if tail is not None and tail.shape is not None and tail.scale is not None:
        beyond = (tail.threshold, tail.shape, tail.scale, largest)
    return _simulate(
        np.uint64(key),
        np.array([chain.p01, chain.p11]),
        chain.start,
        np.ascontiguousarray(sizes),
        np.array([months for months, _ in plans], dtype=np.int64),
        np.array([kept for _, kept in plans]),
        first,
        iterations,
        jitter,
        np.array(beyond),
        bool((sizes == np.floor(sizes)).all()),
    )


@njit(cache=True, nogil=True)
def _simulate(
    key: np.uint64,
    to_active: NDArray[np.float64],
    start: int,
    sizes: NDArray[np.float64],
    months: NDArray[np.int64],
    kept: NDArray[np.float64],
    first: int,
    iterations: int,
    jitter: bool,
    beyond: NDArray[np.float64],
    whole: bool,
) -> NDArray[np.float64]:
    total = np.zeros(iterations)
    words = np.zeros(4, dtype=np.uint64)
    state = np.zeros(2, dtype=np.uint64)  # next block of the counter, words of the block that are used up
    plans, choices = len(months), len(sizes)
    for place in range(iterations):
        iteration = first + place
        state[0], state[1] = np.uint64(0), np.uint64(4)
        plan = _below(plans, words, state, iteration, key) if plans > 1 else np.int64(0)
        active, demand = start, 0.0
        for month in range(months[plan]):
            active = 1 if _uniform(words, state, iteration, key) < to_active[active] else 0
            if active:
                counts = month < months[plan] - 1 or kept[plan] >= 1.0
                if counts or _uniform(words, state, iteration, key) < kept[plan]:
                    size = sizes[_below(choices, words, state, iteration, key)]
                    if size > beyond[0]:
                        size = _of_tail(beyond, whole, _uniform(words, state, iteration, key))
                    demand += _jittered(size, words, state, iteration, key) if jitter else size
        total[place] = demand
    return total


@njit(cache=True, nogil=True)
def _of_tail(beyond: NDArray[np.float64], whole: bool, uniform: float) -> float:
    """A size above the threshold: the quantile function of the generalised Pareto distribution."""
    threshold, shape, scale, largest = beyond
    excess = -scale * np.log(uniform) if abs(shape) < 1e-9 else scale / shape * (uniform ** (-shape) - 1.0)
    size: float = min(threshold + excess, largest)
    return float(np.floor(size + 0.5)) if whole else size


@njit(cache=True, nogil=True, inline="always")
def _word(words: NDArray[np.uint64], state: NDArray[np.uint64], iteration: int, key: np.uint64) -> np.uint64:
    if state[1] == np.uint64(4):
        words[0], words[1], words[2], words[3] = four_words(np.uint64(iteration), state[0], key)
        state[0] += np.uint64(1)
        state[1] = np.uint64(0)
    word: np.uint64 = words[state[1]]
    state[1] += np.uint64(1)
    return word


@njit(cache=True, nogil=True, inline="always")
def _uniform(words: NDArray[np.uint64], state: NDArray[np.uint64], iteration: int, key: np.uint64) -> float:
    """In (0, 1): the middle of one of 2³² equal cells."""
    return (float(_word(words, state, iteration, key)) + 0.5) / _WORDS


@njit(cache=True, nogil=True, inline="always")
def _below(
    bound: int, words: NDArray[np.uint64], state: NDArray[np.uint64], iteration: int, key: np.uint64
) -> np.int64:
    # A product of two uint64 stays one; mixed with an int64 it would become a float.
    return np.int64((_word(words, state, iteration, key) * np.uint64(bound)) >> np.uint64(32))


@njit(cache=True, nogil=True)
def _jittered(
    size: float, words: NDArray[np.uint64], state: NDArray[np.uint64], iteration: int, key: np.uint64
) -> float:
    """1 + INT(X + Z √X), and X itself where that is not positive; Z by Box and Muller (1958)."""
    radius = np.sqrt(-2.0 * np.log(_uniform(words, state, iteration, key)))
    z = radius * np.cos(2.0 * np.pi * _uniform(words, state, iteration, key))
    moved = 1.0 + np.floor(size + z * np.sqrt(size))
    return moved if moved > 0.0 else size
