"""What the page shows of the index: with 2,000 segments at 2,000 pixels it has 4 million cells, of which few matter."""

from datetime import date

import numpy as np
import pandas as pd

from expectations.audience import statuses
from spark_jobs.audience.params import AudienceParams

# Cells that the page carries and the pixels they are of; the same of the map, which a reader's choice cuts further;
# characters of a name that it draws.
CELLS, PIXELS = 6_000, 300
MAP_PIXELS, MAP_SEGMENTS = 100, 50
_NAME = 28
# Below so many users of a group at a pixel, an index says little; a reader may lower it.
MINIMUM = AudienceParams().min_uniques


def called(ids: pd.Series, known: pd.DataFrame, key: str, name: str) -> pd.Series:
    """What people call each id; nothing where nobody said."""
    return ids.map(known.drop_duplicates(key).set_index(key)[name])


def labels(ids: pd.Series, names: pd.Series) -> pd.Series:
    """What is drawn for each id, cut short: its name, its id where it has none, and both where several share a name."""
    one = pd.DataFrame({"id": ids, "name": names}, dtype=object).drop_duplicates("id", ignore_index=True)
    drawn = one["name"].fillna(one["id"]).map(_cut).astype(object)
    drawn = drawn.where(~drawn.duplicated(keep=False), drawn + " (" + one["id"].map(_cut) + ")")
    # Ids that are long and alike at both ends: which one it is, the tables tell.
    drawn = drawn.where(~drawn.duplicated(keep=False), drawn + " " + one.index.astype(str))
    return ids.map(dict(zip(one["id"], drawn, strict=True)))


def on(segments: pd.DataFrame, day: date | None) -> pd.DataFrame:
    """What is said of each segment on a day; where nothing is, what was said last before, or else after."""
    if day is None or segments.empty:
        return segments
    holds = (segments["valid_from"] <= day) & (segments["valid_to"].isna() | (segments["valid_to"] >= day))
    ranked = segments.assign(holds=holds, before=segments["valid_from"] <= day)
    ranked = ranked.sort_values(["holds", "before", "valid_from"], ascending=False, kind="stable")
    return ranked.drop_duplicates("segment_id").drop(columns=["holds", "before"])


def cells(index: pd.DataFrame, segments: pd.DataFrame, pixels: pd.DataFrame) -> pd.DataFrame:
    """The cells of the page with names, most significant first, the low counts last.

    Where they are more than ``CELLS``: of each pixel its most significant cells and a third as many low counts, so many
    that they make about ``CELLS`` together. Of pixels, the ``PIXELS`` largest.
    """
    drawn = _of_largest_pixels(index, PIXELS).sort_values(
        ["low", "distance", "pixel_id", "segment_id"], ascending=[True, False, True, True]
    )
    if len(drawn) > CELLS:
        a_pixel = CELLS * 3 // 4 // drawn["pixel_id"].nunique()
        place = drawn.groupby(["pixel_id", "low"]).cumcount()
        drawn = drawn[place < np.where(drawn["low"], a_pixel // 3, a_pixel)]
    return _told(drawn, segments, pixels)


def grid(index: pd.DataFrame, segments: pd.DataFrame, pixels: pd.DataFrame) -> pd.DataFrame:
    """All cells of the ``MAP_PIXELS`` largest pixels and those ``MAP_SEGMENTS`` segments that differ most there.

    ``segment_rank``: which differ most; ``segment_place``: the same within each group, group after group.
    """
    drawn = _of_largest_pixels(index, MAP_PIXELS)
    differ = drawn["distance"].where(~drawn["low"], 0).groupby(drawn["segment_id"]).sum()
    differ = differ.sort_values(ascending=False, kind="stable").head(MAP_SEGMENTS)
    drawn = drawn[drawn["segment_id"].isin(differ.index)]
    told = _told(drawn.assign(segment_rank=_ranks(drawn["segment_id"], differ)), segments, pixels)
    return told.assign(segment_place=told.groupby(["group", "group_id", "segment_rank"]).ngroup())


def _of_largest_pixels(index: pd.DataFrame, most: int) -> pd.DataFrame:
    """Cells that can be drawn, of the pixels with most users of any group. ``low``: hidden by default; ``distance``:
    standard deviations from what was expected.
    """
    drawn = index[index["status"].isin([*statuses.SHOWN, statuses.LOW_COUNT])]
    users = drawn.groupby("pixel_id")["group_users"].max().sort_values(ascending=False, kind="stable").head(most)
    drawn = drawn[drawn["pixel_id"].isin(users.index)]
    return drawn.assign(
        low=drawn["status"] == statuses.LOW_COUNT,
        distance=drawn["z"].abs().fillna(0),
        pixel_rank=_ranks(drawn["pixel_id"], users),
    )


def _told(drawn: pd.DataFrame, segments: pd.DataFrame, pixels: pd.DataFrame) -> pd.DataFrame:
    """With names, in full and as they are drawn, and ``shown_up_to``: the largest minimum of users at which a cell is
    still shown. That of a low count always lies below ``MINIMUM``.
    """
    segment_names = called(drawn["segment_id"], segments, "segment_id", "segment_name")
    pixel_names = called(drawn["pixel_id"], pixels, "pixel_id", "pixel_name")
    group_names = called(drawn["group_id"], segments, "group_id", "group_name")
    return drawn.assign(
        segment_name=segment_names,
        pixel_name=pixel_names,
        segment=labels(drawn["segment_id"], segment_names),
        pixel=labels(drawn["pixel_id"], pixel_names),
        group=labels(drawn["group_id"], group_names),
        shown_up_to=drawn["group_users"].where(~drawn["low"], drawn["group_users"].clip(upper=MINIMUM - 1)),
    ).reset_index(drop=True)


def _ranks(ids: pd.Series, ordered: pd.Series) -> pd.Series:
    return ids.map({name: rank for rank, name in enumerate(ordered.index)})


def _cut(text: str) -> str:
    """Out of the middle: names of a taxonomy begin alike, and names of sites end alike."""
    return text if len(text) <= _NAME else f"{text[: _NAME // 3]}…{text[-(_NAME - _NAME // 3 - 1) :]}"
