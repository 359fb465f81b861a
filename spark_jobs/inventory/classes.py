"""Demand classes by how often a material is asked for and how much the sizes vary."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Cut values of Syntetos, Boylan and Croston (2005), "On the categorization of demand patterns", JORS 56:495-503.
ADI_CUT = 1.32
CV2_CUT = 0.49
SMOOTH, ERRATIC, INTERMITTENT, LUMPY, NONE, SINGLE = "smooth", "erratic", "intermittent", "lumpy", "none", "single"


@dataclass(frozen=True)
class DemandClass:
    """``adi`` in months between demands, ``cv2`` without unit; None where the history is too short to tell."""

    name: str
    adi: float | None
    cv2: float | None


def classify(quantities: NDArray[np.float64]) -> DemandClass:
    """The class of one history; ``quantities``: units per observed month, shape (months,).

    ADI = months / months with demand; CV² = (standard deviation, ddof 1, / mean)² of the months with demand.
    """
    sizes = quantities[quantities > 0]
    if len(sizes) == 0:
        return DemandClass(NONE, None, None)
    adi = len(quantities) / len(sizes)
    if len(sizes) == 1:
        return DemandClass(SINGLE, adi, None)
    cv2 = float(sizes.var(ddof=1) / sizes.mean() ** 2)
    often, steady = adi < ADI_CUT, cv2 < CV2_CUT
    name = (SMOOTH if steady else ERRATIC) if often else (INTERMITTENT if steady else LUMPY)
    return DemandClass(name, adi, cv2)
