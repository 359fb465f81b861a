"""One chart over another, as wide as the page lets it be."""

import altair as alt

HEIGHT = 320


def layered(*layers: alt.Chart, height: int = HEIGHT, legend_of_last: bool = False) -> alt.LayerChart:
    """The layers as one chart. ``legend_of_last``: the last one's colours and shapes make the legend, which the marks of
    the others would only muddle.
    """
    own = alt.LegendResolveMap(color="independent", shape="independent")
    resolve = alt.Resolve(legend=own) if legend_of_last else alt.Undefined
    return alt.LayerChart(layer=list(layers), width="container", height=height, resolve=resolve)
