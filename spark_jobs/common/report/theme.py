"""How every chart looks: colours, type and sizes, in one place."""

from typing import Any, Protocol

# Okabe and Ito's palette, which people with any common colour blindness tell apart; without its yellow, too pale here.
BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#CC79A7",
    "#56B4E9",
    "#000000",
)
GREY, LIGHT_GREY = "#6B6B6B", "#B4BAC1"
# From below to above a middle that says nothing.
DIVERGING = (VERMILLION, "#E6E8EA", BLUE)
_TEXT = "#1F2328"
_LINE = "#D8DCE0"

CONFIG: dict[str, Any] = {
    "background": "#FFFFFF",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": _TEXT,
        "titleColor": _TEXT,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": _LINE,
        "domainColor": GREY,
        "tickColor": GREY,
        "labelLimit": 140,
    },
    # Below the chart, where a phone has room for it.
    "legend": {
        "orient": "bottom",
        "columns": 2,
        "layout": {"bottom": {"direction": "vertical", "anchor": "start", "margin": 8}},
        "labelColor": _TEXT,
        "titleColor": _TEXT,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "text": {"color": _TEXT, "fontSize": 12},
    "bar": {"color": BLUE},
    "line": {"color": BLUE, "strokeWidth": 2},
    "point": {"color": BLUE, "filled": True, "size": 45},
    "area": {"color": BLUE},
    "range": {"category": [BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK]},
}


class Drawable(Protocol):
    """What gives a Vega-Lite specification: any chart of Altair."""

    def to_dict(self) -> dict[str, Any]: ...


def specification(chart: Drawable, description: str) -> dict[str, Any]:
    """The chart in house style, as Vega-Lite; ``description`` is read out where it is not seen."""
    return {**chart.to_dict(), "config": CONFIG, "description": description}
