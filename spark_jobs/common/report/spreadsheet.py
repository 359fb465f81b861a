"""CSV that a spreadsheet shows and does not run."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# Where a cell begins for a spreadsheet, whichever separator its country has, a sign (full-width ones too) makes a formula
# of what follows. A sign that is all of the text makes none.
_FORMULA = re.compile(r"(^|[;,\t\r\n])(\s*[=+\-@＝＋－＠](?!$))")


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
    text: str = without_formulas(frame).to_csv(index=False, lineterminator="\r\n")
    return text


def _plain(text: str) -> str:
    return _FORMULA.sub(r"\1'\2", text)
