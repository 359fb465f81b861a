"""What the charts of audience have in common: an index in doublings of 100, colours by status, rows that travel light."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from expectations.audience import statuses
from spark_jobs.common.report import theme

COLORS = {
    statuses.OVER: theme.BLUE,
    statuses.UNDER: theme.VERMILLION,
    statuses.NEUTRAL: theme.GREY,
    statuses.LOW_COUNT: theme.LIGHT_GREY,
}
# An index that is further from 100, such as 0, is drawn so many doublings away.
FAR = 4
# Of an axis or a legend of doublings: the index that each stands for.
AS_INDEX = "format(100 * pow(2, datum.value), '~r')"
_TITLES = {
    "segment": "Segment",
    "pixel": "Pixel",
    "advertiser_id": "Advertiser",
    "group": "Group",
    "status": "Status",
    "matched_users": "Matched users",
    "group_users": "Users of the group",
    "audience_index": "Index",
    "ci_low": "95 % interval from",
    "ci_high": "to",
    "q_value": "q",
}


def doublings(index: pd.Series) -> pd.Series:
    """log2(index / 100), at most ``FAR`` either way."""
    with np.errstate(divide="ignore"):
        logs: pd.Series = np.log2(index / 100)
    return logs.clip(-FAR, FAR)


def rows(frame: pd.DataFrame, *columns: str) -> alt.InlineData:
    """These columns as data of a chart: numbers with the four digits that can be seen, nothing as null."""
    return alt.InlineData(
        values=[
            {name: _light(value) for name, value in zip(columns, row, strict=True)}
            for row in frame[list(columns)].itertuples(index=False, name=None)
        ]
    )


def by_status() -> alt.Color:
    """Blue above 100, red below, grey where chance could have made it."""
    scale = alt.Scale(domain=list(COLORS), range=list(COLORS.values()))
    return alt.Color("status:N", title=None, scale=scale, legend=alt.Legend(labelExpr="replace(datum.label, '_', ' ')"))


def index_axis(**more: Any) -> alt.Axis:
    """Doublings, told as indexes."""
    return alt.Axis(labelExpr=AS_INDEX, values=list(range(-FAR, FAR + 1)), **more)


def tooltip(*figures: str) -> list[alt.Tooltip]:
    """Which cell it is, and these figures of it."""
    texts = [alt.Tooltip(f"{name}:N", title=_TITLES[name]) for name in ("segment", "pixel", "advertiser_id", "group")]
    numbers = [alt.Tooltip(f"{name}:Q", title=_TITLES[name], format=_format(name)) for name in figures]
    return [*texts, alt.Tooltip("status:N", title=_TITLES["status"]), *numbers]


def _format(name: str) -> str:
    return "," if name.endswith("_users") else ".2~g" if name == "q_value" else ",.1f"


def _light(value: Any) -> Any:
    if isinstance(value, float):
        return None if np.isnan(value) else float(f"{value:.4g}")
    return value
