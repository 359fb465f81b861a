"""The controls of a chart of cells: advertiser, pixel, group, and the users below which an index is not shown."""

import altair as alt
import pandas as pd

from spark_jobs.audience.shown import MINIMUM

ADVERTISER, PIXEL, GROUP, USERS = "advertiser", "pixel", "group", "users"
# By which column each picks the rows of a table.
COLUMNS = {ADVERTISER: "advertiser_id", PIXEL: "pixel_id", GROUP: "group_id", USERS: "shown_up_to"}
_FAR = 500


def controls(cells: pd.DataFrame, *which: str) -> list[alt.VariableParameter]:
    """Of the named ones; rows of ``shown.cells``."""
    options = {
        ADVERTISER: cells[["advertiser_id"]].drop_duplicates().assign(name=lambda rows: rows["advertiser_id"].str[:48]),
        PIXEL: cells[["pixel_id", "pixel", "advertiser_id"]]
        .drop_duplicates("pixel_id")
        .assign(name=lambda rows: rows["pixel"] + " · " + rows["advertiser_id"].str[:24]),
        GROUP: cells[["group_id", "group"]].drop_duplicates("group_id").rename(columns={"group": "name"}),
    }
    chosen = [
        _choice(name, rows.rename(columns={COLUMNS[name]: "id"})) for name, rows in options.items() if name in which
    ]
    return chosen + ([_least()] if USERS in which else [])


def picked(*which: str) -> str:
    """Whether the named controls pick a row, as an expression of Vega; nothing of the data stands in it."""
    rules = [f"({name} == null || datum.{COLUMNS[name]} == {name})" for name in which if name != USERS]
    if USERS in which:
        rules.append(f"datum.{COLUMNS[USERS]} >= {USERS}")
    return " && ".join(rules)


def _choice(name: str, options: pd.DataFrame) -> alt.VariableParameter:
    options = options.sort_values(["name", "id"])
    bind = alt.binding_select(
        options=[None, *options["id"].tolist()], labels=["All", *options["name"].tolist()], name=name.capitalize()
    )
    return alt.VariableParameter(name=name, value=None, bind=bind)


def _least() -> alt.VariableParameter:
    bind = alt.binding_range(min=0, max=_FAR, step=5, name="Minimum users", debounce=50)
    return alt.VariableParameter(name=USERS, value=MINIMUM, bind=bind)
