"""The hierarchy of last configurations: their overlaps in the order of a tree, and the tree."""

import itertools

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, to_rgb
from xarray import DataArray, Dataset

from glassnet.analysis import Tree, clustered
from glassnet.plot.labels import label, overlaps_of
from glassnet.plot.overlaps import one_matrix
from glassnet.plot.style import ON_COLOUR, graded, on_axes

SAMPLES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
"""Colours of samples [Okabe and Ito 2008]."""

STRIP, MATRIX, TREE = (0.0, 0.0, 1.0, 0.04), (0.0, 0.055, 1.0, 0.695), (0.0, 0.76, 1.0, 0.24)
"""Where the strip of samples, the matrix and the tree lie within the axes: left, bottom, width, height."""

NARROWEST = 0.035
"""Part of the width that a group of one sample must have to be numbered."""


@on_axes
def overlap_tree(
    data: DataArray | Dataset,
    ax: Axes | None = None,
    *,
    layer: int,
    waiting_time: float | None = None,
    colour_bar: bool = True,
) -> Axes:
    """Overlaps between all last configurations in one layer under the tree of complete linkage that orders them.

    The tree shows the distance d = 1 - q at which groups merge. A strip below the matrix numbers the samples, if
    `data` has the coordinate `configuration_sample`.

    Args:
        data: overlaps by `configuration` and `configuration_b`, or a result, whose `final_spin_overlap` is drawn.
        ax: axes that hold strip, matrix and tree, in this order from below; a new figure if None.
        layer: the layer.
        waiting_time: waiting time of the clones in sweeps; the last one if None.
        colour_bar: whether to draw one.
    Returns:
        The axes; the first of its `child_axes` is the matrix, the second the tree.
    Raises:
        ValueError: if `data` has more than one temperature, or lacks the layer or the waiting time.
    """
    q = one_matrix(overlaps_of(data), layer, waiting_time)
    tree = clustered(q)
    ax.set_axis_off()
    matrix = ax.inset_axes(MATRIX)
    style = {"cmap": "RdBu_r", "vmin": -1, "vmax": 1, "interpolation": "nearest", "aspect": "auto"}
    image = matrix.imshow(q.values[np.ix_(tree.order, tree.order)], **style)
    matrix.set(xticks=[], yticks=[])
    _draw_tree(ax.inset_axes(TREE), tree)
    if "configuration_sample" in q.coords:
        _draw_samples(ax.inset_axes(STRIP), q["configuration_sample"].values[tree.order])
    if colour_bar:
        place = {"pad": 0.02, "aspect": 20, "shrink": MATRIX[3], "anchor": (0.0, MATRIX[1] / (1 - MATRIX[3]))}
        bar = ax.figure.colorbar(image, ax=ax, ticks=[-1, -0.5, 0, 0.5, 1], **place)
        bar.set_label(label(q))
    return ax


def _draw_tree(ax: Axes, tree: Tree) -> None:
    """Merges as brackets over the columns that they join, at the height of their distance."""
    leaves = len(tree.order)
    if leaves > 1:
        ax.add_collection(LineCollection(brackets(tree), colors="black", linewidths=0.7))
    top = float(tree.linkage[:, 2].max()) if leaves > 1 else 1.0
    ax.set(xlim=(-0.5, leaves - 0.5), ylim=(0, 1.05 * top or 1.0), xticks=[], ylabel="$d = 1 - q$")
    ax.spines[["top", "right", "bottom"]].set_visible(False)
    ax.tick_params(which="both", right=False, top=False)
    ax.patch.set_visible(False)


def brackets(tree: Tree) -> np.ndarray:
    """Corners (x, d) of each merge, shape (merge, 4, 2), leaves at 0, 1, ... in their order.

    Merge by merge: a walk down the tree would have to go as deep as there are leaves.
    """
    leaves = len(tree.order)
    x, height = np.zeros(2 * leaves - 1), np.zeros(2 * leaves - 1)
    x[tree.order] = np.arange(leaves)
    corners = np.empty((leaves - 1, 4, 2))
    for n, (a, b) in enumerate(tree.linkage[:, :2].astype(int)):
        new, d = leaves + n, tree.linkage[n, 2]
        corners[n] = (x[a], height[a]), (x[a], d), (x[b], d), (x[b], height[b])
        x[new], height[new] = (x[a] + x[b]) / 2, d
    return corners


def _draw_samples(ax: Axes, samples: np.ndarray) -> None:
    """A strip with the colour of the sample of each column, numbered where a group is wide enough."""
    names = sorted(set(samples.tolist()))
    colours = SAMPLES if len(names) <= len(SAMPLES) else graded("viridis", len(names))
    index = np.array([[names.index(s) for s in samples]])
    ax.imshow(index, cmap=ListedColormap(colours[: len(names)]), vmin=-0.5, vmax=len(names) - 0.5, aspect="auto")
    ax.set(xticks=[], yticks=[])
    ax.set_xlabel("sample", labelpad=2)
    start = 0
    for name, group in itertools.groupby(samples.tolist()):
        width = len(list(group))
        if width >= NARROWEST * len(samples):
            colour = ON_COLOUR[int(_lightness(colours[names.index(name)]) > 0.5)]
            ax.text(start + width / 2 - 0.5, 0, str(name), color=colour, ha="center", va="center_baseline", fontsize=7)
        start += width


def _lightness(colour: str | tuple) -> float:
    """Perceived lightness of a colour, 0 for black, 1 for white."""
    return float(np.dot(to_rgb(colour), (0.3, 0.59, 0.11)))
