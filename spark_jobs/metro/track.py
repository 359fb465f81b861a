"""The track as arrays: which section follows which, for following trains through a day of OCCUPY messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Track:
    """Sections by number (the order of ``ids``). A turnback is a terminal section without a platform: there a run
    ends.
    """

    ids: pd.Index
    is_platform: np.ndarray
    is_turnback: np.ndarray
    length_m: np.ndarray
    before: list[list[int]]

    @classmethod
    def of(cls, sections: pd.DataFrame) -> Track:
        """From rows of the section register, one a section."""
        ids = pd.Index(sections.section_id)
        before: list[list[int]] = [[] for _ in ids]
        for here, following in enumerate(sections.next_sections):
            for section in ids.get_indexer(list(following) if following is not None else []):
                if section >= 0:
                    before[section].append(here)
        is_platform = sections.platform_stop_id.notna().to_numpy()
        is_turnback = sections.is_terminal.to_numpy(bool) & ~is_platform
        return cls(ids, is_platform, is_turnback, sections.length_m.to_numpy(float), before)

    def number(self, section_ids: pd.Series) -> np.ndarray:
        """Section numbers, -1 where there is none."""
        return np.asarray(self.ids.get_indexer(pd.Index(section_ids)))

    def upstream(self, section: int, previous: int, lost: int) -> Iterator[list[list[int]]]:
        """For 0, 1, … lost sections: the paths that lead to ``section``, from where the train was last seen.

        ``previous`` is the section that the train is known to come from, or -1.
        """
        paths = [[previous]] if previous >= 0 else [[s] for s in self.before[section]]
        for _ in range(lost + 1):
            paths = [path for path in paths if not self.is_turnback[path[0]]]
            yield paths
            paths = [[s, *path] for path in paths for s in self.before[path[0]] if s not in path]


def epoch_s(times: pd.Series) -> np.ndarray:
    """Seconds since 1970 of UTC times."""
    return ((times - pd.Timestamp(0)) / pd.Timedelta(seconds=1)).to_numpy(float)
