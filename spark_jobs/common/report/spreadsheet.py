"""CSV that a spreadsheet shows and does not run."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# Where a cell begins for a spreadsheet, whichever separator its country has, a sign (full-width ones too) makes a formula
# of what follows, also within quotes. A sign that is all of the text makes none.
_BEFORE_FORMULA = re.compile(r"""(^|(?<=[;,\t\r\n]))(?=["\s]*[=+\-@＝＋－＠](?!$))""")
_ROWS_OF_A_PART = 100_000


def without_formulas(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The frame with an apostrophe before whatever would start a formula in a text; numbers stay as they are.

    Done twice, it is as done once.
    """
    import pandas as pd

    shown = frame.copy()
    for name in shown.columns:
        if shown[name].dtype == object:
            texts = [_plain(value) if isinstance(value, str) else value for value in shown[name]]
            # Told the type, because otherwise whole numbers beside nothing would become 4.0.
            shown[name] = pd.Series(texts, index=shown.index, dtype=object)
    return shown


def csv_text(frame: "pd.DataFrame") -> str:
    """The whole frame as CSV with a header."""
    return "".join(csv_parts(frame))


def csv_parts(frame: "pd.DataFrame") -> Iterator[str]:
    """The same piece by piece, for frames of millions of rows."""
    for start in range(0, max(len(frame), 1), _ROWS_OF_A_PART):
        part = without_formulas(frame.iloc[start : start + _ROWS_OF_A_PART])
        yield part.to_csv(index=False, header=start == 0, lineterminator="\r\n")


@lru_cache(maxsize=100_000)
def _plain(text: str) -> str:
    return _BEFORE_FORMULA.sub("'", text)
