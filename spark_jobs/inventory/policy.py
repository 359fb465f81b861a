"""A stock run by the rule (s, S) through the demand that really came."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray


@dataclass(frozen=True)
class Outcome:
    """``demand`` and ``filled`` in units; ``mean_stock``: units at the end of a month, averaged."""

    months: int
    demand: float
    filled: float
    stockout_months: int
    mean_stock: float


def run_policy(demand: NDArray[np.float64], order_at: float, order_up_to: float, lead_time: int) -> Outcome:
    """``demand``: units by month, shape (months,); ``lead_time`` in whole months.

    The stock begins at ``order_up_to``. At the end of a month an order goes out when stock and orders, less what is owed,
    have fallen to ``order_at`` or below; ``lead_time`` months of demand pass before it arrives. What a month asks for and
    is not there is owed, and met first from what arrives.
    """
    filled, short, stock = _run(np.ascontiguousarray(demand), order_at, order_up_to, lead_time)
    months = len(demand)
    return Outcome(months, float(demand.sum()), filled, short, stock / months if months else 0.0)


@njit(cache=True, nogil=True)
def _run(demand: NDArray[np.float64], order_at: float, order_up_to: float, lead_time: int) -> tuple[float, int, float]:
    months = len(demand)
    arriving = np.zeros(months + lead_time + 1)
    on_hand, owed, on_order = order_up_to, 0.0, 0.0
    filled, short, stock = 0.0, 0, 0.0
    for month in range(months):
        on_hand += arriving[month]
        on_order -= arriving[month]
        settled = min(owed, on_hand)
        owed -= settled
        on_hand -= settled
        met = min(demand[month], on_hand)
        filled += met
        on_hand -= met
        if met < demand[month]:
            owed += demand[month] - met
            short += 1
        position = on_hand + on_order - owed
        if position <= order_at and order_up_to > position:
            arriving[month + lead_time + 1] += order_up_to - position
            on_order += order_up_to - position
        stock += on_hand
    return filled, short, stock
