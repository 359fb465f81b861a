"""A cloud of materials, a mark each; of more than ``MANY``, counts on a grid, so that 150,000 of them make a chart of some
hundred marks.
"""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from spark_jobs.common.report import theme

MANY = 2_000
CRITICALITIES = {"H": theme.VERMILLION, "M": theme.BLUE, "L": theme.GREEN, "-": theme.GREY}
_GRID = 25


def label(rows: pd.DataFrame, material: str = "material_id") -> pd.Series:
    """What a material is called: its name, and its location where there are several."""
    places = rows["location_id"].where(rows["location_id"] == "_", " at " + rows["location_id"].astype(str))
    return rows[material].astype(str) + places.replace("_", "")


def named(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with their materials' names."""
    return rows.assign(name=label(rows))


def cloud(rows: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """A row a material, or a row a cell of a grid (even on log(1 + value)) and criticality where there are too many."""
    known = named(rows).dropna(subset=[x, y])
    materials = pd.DataFrame(
        {
            "x": known[x].astype(float),
            "y": known[y].astype(float),
            "criticality": known["criticality"].fillna("-"),
            "name": known["name"],
            "materials": 1,
        }
    )
    if len(materials) <= MANY:
        return materials
    logs = pd.DataFrame({f"{axis}_cell": np.log1p(materials[axis]) for axis in ("x", "y")})
    # A column of nothing but zeros has one cell.
    cells = (logs / logs.max().replace(0, 1) * _GRID).round()
    means = {"x": "mean", "y": "mean", "materials": "sum"}
    # The largest first, so that no mark lies hidden under another.
    grouped = materials.join(cells).groupby(["criticality", *cells.columns])
    counted = grouped.agg(means).sort_values("materials", ascending=False)
    return counted.reset_index("criticality").reset_index(drop=True)


def points(materials: pd.DataFrame, x: Any, y: Any) -> alt.Chart:
    """The marks of a ``cloud``: colour and shape say the criticality, size how many materials a mark stands for."""
    domain = list(CRITICALITIES)
    counted = "name" not in materials
    channels: dict[str, Any] = {
        "x": x,
        "y": y,
        "color": alt.Color(
            "criticality:N", title="Criticality", scale=alt.Scale(domain=domain, range=list(CRITICALITIES.values()))
        ),
        "shape": alt.Shape("criticality:N", title="Criticality", scale=alt.Scale(domain=domain)),
        "tooltip": ["criticality:N", "x:Q", "y:Q", "materials:Q" if counted else "name:N"],
    }
    if counted:
        channels["size"] = alt.Size("materials:Q", title="Materials", scale=alt.Scale(range=[6, 400]))
    drawn: alt.Chart = (
        alt.Chart(materials).mark_point(filled=not counted, opacity=0.8 if counted else 0.55).encode(**channels)
    )
    return drawn
