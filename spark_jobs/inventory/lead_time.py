"""Lead times in months, as the chain counts them."""

import math

# 365.25 / 12.
DAYS_PER_MONTH = 30.4375


def months_of(lead_time: float) -> tuple[int, float]:
    """Whole months to run the chain for, and the probability with which demand of the last one counts.

    A lead time is rounded up; its fractional remainder thins the last month. Less than one month counts as one.
    """
    effective = max(lead_time, 1.0)
    months = math.ceil(effective)
    return months, 1.0 - (months - effective)
