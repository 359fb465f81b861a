"""Random numbers by counter: the n-th number of a material is a function of its key and n alone.

Philox4x32-10 of Salmon, Moraes, Dror and Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC11. Neither the
order of materials nor the partition or core on which one is computed can change what it draws.
"""

import hashlib

import numpy as np
from numba import njit

_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_ROUNDS = 10


def key_of(seed: int, location_id: str, material_id: str) -> int:
    """The 64-bit key of one material's stream of random numbers."""
    text = f"{seed}\x1f{location_id}\x1f{material_id}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


@njit(cache=True, nogil=True, inline="always")
def four_words(
    counter: np.uint64, block: np.uint64, key: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Four uniform 32-bit words of a 64-bit ``counter`` and ``block`` under a 64-bit ``key``."""
    c0, c1, c2, c3 = counter & _LOW, counter >> _SHIFT, block & _LOW, block >> _SHIFT
    k0, k1 = key & _LOW, key >> _SHIFT
    for _ in range(_ROUNDS):
        product0, product1 = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (product1 >> _SHIFT) ^ c1 ^ k0,
            product1 & _LOW,
            (product0 >> _SHIFT) ^ c3 ^ k1,
            product0 & _LOW,
        )
        k0, k1 = (k0 + _WEYL[0]) & _LOW, (k1 + _WEYL[1]) & _LOW
    return c0, c1, c2, c3
