"""A part of a report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spark_jobs.common.report.theme import Drawable

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Section:
    """``says``: how to read it, a paragraph a line, or why there is nothing to show, and then ``chart`` is None.

    ``table``: the figures behind it, all of them; the page shows the first and hands out the rest as CSV. ``filters``:
    which column of the table each control of the chart picks rows by; of a text column it shows what equals the
    control's value, of a number column what is at least that.
    """

    title: str
    says: str
    chart: Drawable | None
    table: "pd.DataFrame"
    filters: Mapping[str, str] = field(default_factory=dict)


def nothing(title: str, why: str) -> Section:
    """A section that has nothing to show, and says why."""
    import pandas as pd

    return Section(title, f"There is nothing to show: {why}.", None, pd.DataFrame())
