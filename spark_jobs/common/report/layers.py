"""One chart over another, as wide as the page lets it be."""

from typing import Any

import altair as alt

HEIGHT = 320


def layered(
    *layers: alt.Chart, height: int | alt.Step = HEIGHT, legend_of_last: bool = False, **shared: Any
) -> alt.LayerChart:
    """The layers as one chart. ``legend_of_last``: the last one's colours and shapes make the legend, which the marks of
    the others would only muddle. ``shared``: what all layers have in common, such as data, transform and params.
    """
    own = alt.LegendResolveMap(color="independent", shape="independent")
    resolve = alt.Resolve(legend=own) if legend_of_last else alt.Undefined
    return alt.LayerChart(layer=list(layers), width="container", height=height, resolve=resolve, **shared)
