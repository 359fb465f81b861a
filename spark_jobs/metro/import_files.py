"""Files of another system, observed visits or a plan: ids as text, numbers within what they can be, each row with its origin."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa


class Limits(NamedTuple):
    """What a number is, and the least and the most that it can be."""

    meaning: str
    least: float
    most: float


EPOCH_S = Limits("a number of seconds since 1970", 946_684_800, 4_102_444_800)  # from 2000 to 2100: no milliseconds
WEEK_S = 7 * 86400
NUMBERS = {
    "stop_sequence": Limits("a number from 0", 0, 1e9),
    "direction_id": Limits("0 or 1", 0, 1),
    "move_timestamp": EPOCH_S,
    "stop_timestamp": EPOCH_S,
    "dwell_time_seconds": Limits("a number of seconds within a week", -WEEK_S, WEEK_S),
    "arrival_time": Limits("a number of seconds after midnight, within a week", 0, WEEK_S),
}
IDS = ("run_key", "trip_id", "stop_id", "route_id", "parent_station", "vehicle_id", "vehicle_consist")
NO_NUMBER = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None")  # how CSV files write that one is missing


def read_table(path: Path, keys: tuple[str, ...], nullable: tuple[str, ...] = ()) -> pd.DataFrame:
    """One Parquet or CSV file with at least these columns, the keys filled, numbers as numbers and ids as text; each row with
    its origin. What cannot be used is a ValueError of one sentence.
    """
    frame = _read(path)
    missing = [column for column in (*keys, *nullable) if column not in frame]
    if missing:
        raise ValueError(f"{path.name} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}.")
    if frame.empty:
        raise ValueError(f"{path.name} has no rows.")
    for column in {*IDS, "service_date"} & set(frame):
        frame[column] = frame[column].astype(object).map(_text)
    for column in NUMBERS.keys() & set(frame):
        frame[column] = _numbers(frame[column], column, path)
    for column in keys:
        require_filled(frame, column, path)
    return frame.reset_index(drop=True).assign(source_file=path.name, source_row=range(len(frame)))


def require_filled(frame: pd.DataFrame, column: str, path: Path) -> None:
    """Raise ValueError where a row has no value."""
    if empty := int(frame[column].isna().sum()):
        raise ValueError(f"{path.name} has {empty} rows without a {column}.")


def _read(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        # An id may well be NA or None: of a text only the empty one is missing.
        return pd.read_csv(path, dtype=dict.fromkeys(IDS, "str"), keep_default_na=False, na_values=[""])
    except FileNotFoundError as error:
        raise ValueError(f"{path} does not exist.") from error
    except (OSError, pa.ArrowException, ValueError) as error:
        raise ValueError(f"{path.name} cannot be read as {path.suffix.lstrip('.') or 'CSV'}: {error}") from error


def _text(value: Any) -> str | None:
    """An id as text, whatever type it was stored in: pandas makes whole numbers floats where one is missing."""
    if pd.isna(value) or value == "":
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _numbers(values: pd.Series, column: str, path: Path) -> pd.Series:
    meaning, least, most = NUMBERS[column]
    said = f"{path.name} has a {column} that is not {meaning}"
    values = values.astype(object)
    try:
        numbers = pd.to_numeric(values.mask(values.isin(NO_NUMBER))).astype(float)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{said}: {error}.") from error
    fits = numbers.between(least, most) if column != "direction_id" else numbers.isin((least, most))
    if len(wrong := values[numbers.notna() & ~fits]):
        raise ValueError(f"{said}: {wrong.iloc[0]}.")
    return numbers
