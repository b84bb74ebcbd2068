"""Style of figures for a paper, and colours that colour-blind readers can tell apart."""

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from glassnet.analysis.labels import in_words
from glassnet.plot.labels import conditions

COLUMN, PAGE = 3.4, 7.0
"""Widths of one column and of the page, in inches."""

ENERGY, ERROR = "#0072B2", "#D55E00"
"""Blue and vermillion [Okabe and Ito 2008]."""

GREY = "0.45"
"""Reference lines."""

ON_COLOUR = ("#ffffff", "#101014")
"""Letters on dark and on light coloured ground."""

PAPER = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.5,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "legend.frameon": False,
    "legend.handlelength": 1.5,
    "legend.borderaxespad": 0.2,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 0.9,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,
}
"""Settings of matplotlib for a figure in a paper."""


def paper() -> AbstractContextManager[None]:
    """Context in which new figures have the style of a paper; outside of it nothing changes."""
    return rc_context(PAPER)


def new_axes() -> Axes:
    """Axes on a new figure of one column, which pyplot does not know."""
    return Figure(figsize=(COLUMN, 0.75 * COLUMN), layout="constrained").add_subplot()


def on_axes(draw: Callable[..., Axes]) -> Callable[..., Axes]:
    """`draw(data, ax, **options)` with `ax` optional: without it a new figure in the style of a paper.

    A new figure carries the conditions of the run as its title.
    """

    @functools.wraps(draw)
    def drawn(data, ax: Axes | None = None, **options) -> Axes:
        if ax is not None:
            return draw(data, ax, **options)
        with paper():
            ax = draw(data, new_axes(), **options)
            words = conditions(data)
            if words:
                ax.figure.suptitle(words, fontsize=8)
            ax.figure.draw_without_rendering()  # ticks take their style when first drawn
        return ax

    return drawn


def layer_colours(layers: Sequence[int]) -> tuple[list[tuple], ScalarMappable]:
    """One colour for each layer, dark to light, and what a colour bar of layers is made of.

    Raises:
        ValueError: if `layers` are no numbers in a row.
    """
    wrong = isinstance(layers, (str, Mapping)) or np.ndim(layers) != 1
    if wrong or np.asarray(layers).dtype.kind not in "iuf":
        raise ValueError(f"Argument `layers` must be a list of layers, but is {in_words(layers)}.")
    colours = graded("viridis", len(layers))
    edges = np.arange(len(layers) + 1) - 0.5
    return colours, ScalarMappable(BoundaryNorm(edges, len(layers)), ListedColormap(colours))


def graded(name: str, count: int) -> list[tuple]:
    """`count` colours of a sequential colour map without its palest part."""
    return [tuple(colour) for colour in colormaps[name](np.linspace(0, 0.88, max(count, 1)))]


def layer_bar(mappable: ScalarMappable, layers: Sequence[int], ax: Axes, words: str = "layer $l$") -> None:
    """A colour bar of layers, or of what `words` say, beside `ax`, at most ten of them numbered; none for one."""
    if len(layers) < 2:
        return
    bar = ax.figure.colorbar(mappable, ax=ax, pad=0.02, aspect=28)
    shown = np.arange(len(layers))[:: -(-len(layers) // 10)]
    bar.set_ticks(shown, labels=[str(layers[n]) for n in shown])
    bar.ax.tick_params(which="both", length=0)
    bar.set_label(words)


def legend(ax: Axes, handles: Sequence, *, title: str | None = None) -> None:
    """A legend in one row above the axes, where it covers no data; more than five entries go where data are few.

    Args:
        ax: the axes.
        handles: what is explained.
        title: stands in front of the row, or above the entries.
    """
    if len(handles) > 5:
        ax.legend(handles=handles, title=title, ncols=2, loc="best")
        return
    head = [Line2D([], [], linestyle="", label=title)] if title else []
    row = [*head, *handles]
    ax.legend(handles=row, ncols=max(len(row), 1), loc="lower right", bbox_to_anchor=(1.0, 1.0))


def plain_numbers(ax: Axes) -> None:
    """Numbers such as 0.05 on a logarithmic vertical axis of less than two decades; powers of ten on a longer one."""
    low, high = ax.get_ylim()
    if high < 100 * low:
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter(lambda x, _: f"{x:g}" if f"{x:e}"[0] in "25" else "")
    else:
        ax.yaxis.set_minor_formatter("")
