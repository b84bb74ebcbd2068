"""Overlap of clones by layer and load, beside the transitions of theory."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import TwoSlopeNorm
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import Normal, Stroke
from xarray import DataArray, Dataset

from glassnet.analysis import longest_lag
from glassnet.analysis.labels import attribute
from glassnet.analysis.relaxation import LEVEL
from glassnet.core.check import fail, finite
from glassnet.plot.labels import array, at_waiting_times, label, of_run, over_samples
from glassnet.plot.overlaps import mean_of_pairs
from glassnet.plot.style import GREY, legend, on_axes
from glassnet.plot.theory import THEORY, closure_style, closure_word

PHASES = "PuOr"
"""Colours from below (orange) by the level (white) to above (purple), told apart by colour-blind readers."""


@on_axes
def phase_diagram(
    data: DataArray | Dataset,
    ax: Axes | None = None,
    *,
    theory: Dataset | Sequence[Dataset] = (),
    waiting_time: float | None = None,
    level: float = LEVEL,
    colour_bar: bool = True,
) -> Axes:
    """Layers against ln alpha: the overlap of clones at the longest lag as a colour.

    Purple above `level`, where Huang et al. 2025 call a layer solid, orange below; means over samples and pairs of
    clones. What has not been measured is hatched. Cells reach halfway, in ln alpha, to their neighbours. Theory is a
    line of steps to the right of which each layer is solid: dashed for the factorised closure, full for the exact one.

    Args:
        data: an overlap by `alpha` and `layer`, or a campaign with a key `alpha` in its grid (`gn.open_campaign`),
            whose `spin_overlap` in the layers that move is drawn.
        ax: axes; a new figure if None.
        theory: alpha_g(l) of `glassnet.theory.curves.transition_curves` for the depth of the machine, one Dataset
            for each closure.
        waiting_time: waiting time of the clones in sweeps; the last one if None.
        level: between the colours, 1/e unless given [Huang et al. 2025].
        colour_bar: whether to draw one.
    Returns:
        The axes.
    Raises:
        ValueError: if `data` has no `alpha`, further dimensions, more than one temperature, a single clone or another
            depth than theory, or `level` is not between 0 and 1.
    """
    finite(level=level)
    if not 0 < level < 1:
        raise fail("level", "be between 0 and 1", level)
    q, depth = _overlaps(data, waiting_time)
    steps = [(curve, _transition(curve, depth)) for curve in ([theory] if isinstance(theory, Dataset) else theory)]
    mesh = _cells(ax, q, level)
    for curve, alpha_g in steps:
        _steps(ax, alpha_g, label=closure_word(curve), **closure_style(curve))
    alpha, layers = q["alpha"].values, q["layer"].values
    ax.set_xticks([], minor=True)
    ax.set_xticks(alpha[:: -(-len(alpha) // 8)])
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set(xlabel=r"constraint density $\alpha = M/c$", ylabel="layer $l$", yticks=layers[:: -(-len(layers) // 12)])
    ax.tick_params(axis="y", which="minor", length=0)
    handles: list = [line for line in ax.get_lines() if line.get_gid() == THEORY]
    if bool(q.isnull().any()):
        handles.append(Patch(fill=False, hatch="/////", edgecolor=GREY, linewidth=0, label="not measured"))
    if handles:
        legend(ax, handles)
    if colour_bar:
        _bar(ax, mesh, label(q), level)
    return ax


def _overlaps(data: DataArray | Dataset, waiting_time: float | None) -> tuple[DataArray, int | None]:
    """Mean overlap by `layer` and rising `alpha`, and the depth of the machine, None if it cannot be known."""
    depth = None
    if isinstance(data, Dataset):
        ds = of_run(data, "spin_overlap")
        data = ds["spin_overlap"]
        if not data.sizes.get("layer"):
            raise fail("data", "have values along the dimension 'layer'", dict(data.sizes))
        known = "depth" in ds.attrs or ("depth" in ds.coords and not ds["depth"].ndim)
        depth = int(attribute(ds, "depth", "data")) if known else _depth(data)
        data = data.isel(layer=data["layer"].values < depth)
    data = array(data, such="spin_overlap")
    for dim in ("alpha", "layer"):
        if not data.sizes.get(dim):
            raise fail("data", f"have values along the dimension {dim!r}", dict(data.sizes))
    if not (data["alpha"].values > 0).all():
        raise fail("data", "have positive values of alpha", data["alpha"].values.tolist())
    last = at_waiting_times(longest_lag(data), waiting_time).isel(waiting_time=0)
    q = over_samples(mean_of_pairs(last))["mean"]
    further = sorted({*map(str, q.dims)} - {"alpha", "layer"})
    if further:
        raise fail("data", f"have no dimension {further[0]!r}: select from it or average", dict(q.sizes))
    return q.transpose("layer", "alpha").sortby(["layer", "alpha"]), depth


def _depth(q: DataArray) -> int:
    """The clamped output: the last layer of which anything is known."""
    known = q["layer"].values[q.notnull().any([d for d in q.dims if d != "layer"]).values]
    if not len(known):
        raise fail("data", "have measured overlaps", "NaN everywhere")
    return int(known.max())


def _cells(ax: Axes, q: DataArray, level: float) -> QuadMesh:
    """Coloured cells of measured overlaps, hatched ones of those that are not."""
    x, y = _edges(np.log(q["alpha"].values.astype(float))), _edges(q["layer"].values.astype(float))
    x = np.exp(x)
    low = min(0.0, float(q.min())) if bool(q.notnull().any()) else 0.0
    style = {"cmap": PHASES, "norm": TwoSlopeNorm(level, low, 1.0), "edgecolors": "none"}
    mesh = ax.pcolormesh(x, y, np.ma.masked_invalid(q.values), **style)
    for n, m in np.argwhere(q.isnull().values):
        style = {"fill": False, "hatch": "/////", "edgecolor": GREY, "linewidth": 0}
        ax.add_patch(Rectangle((x[m], y[n]), x[m + 1] - x[m], y[n + 1] - y[n], **style))
    ax.set(xscale="log", xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    return mesh


def _edges(centres: np.ndarray) -> np.ndarray:
    """Borders halfway between neighbours; the outer cells are symmetric, a single one is 1 wide."""
    if len(centres) == 1:
        return centres[0] + np.array([-0.5, 0.5])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def _transition(curve: Dataset, depth: int | None) -> DataArray:
    """alpha_g(l) of the hidden layers of the one machine."""
    if "transition" not in curve or {*curve["transition"].dims} != {"depth", "layer"}:
        raise fail("theory", "be of `transition_curves` (variable 'transition' by depth and layer)", list(curve.sizes))
    known = curve["depth"].values.tolist()
    depth = known[0] if depth is None and len(known) == 1 else depth
    if depth not in known:
        raise fail("theory", f"hold the depth {depth} of the machine", known)
    return curve["transition"].sel(depth=depth).dropna("layer")


def _steps(ax: Axes, alpha_g: DataArray, **style) -> None:
    """A vertical line at alpha_g(l) as high as the cells of layer l, joined to the next; infinite ones off the axes."""
    limits = ax.get_xlim()
    far = 10 * max(limits[1], float(alpha_g.where(np.isfinite(alpha_g), 0).max()))
    x = np.repeat(np.where(np.isfinite(alpha_g.values), alpha_g.values, far), 2)
    l = alpha_g["layer"].values
    y = np.column_stack([l - 0.5, l + 0.5]).ravel()
    halo = [Stroke(linewidth=style["linewidth"] + 1.2, foreground="white"), Normal()]
    order = 2 + style["linewidth"] / 10  # thick dashes on the thin line and its halo
    ax.plot(x, y, color="black", gid=THEORY, path_effects=halo, scalex=False, scaley=False, zorder=order, **style)
    ax.set_xlim(limits)


def _bar(ax: Axes, mesh: ScalarMappable, words: str, level: float) -> None:
    """A colour bar with the level marked."""
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02, aspect=28, spacing="proportional")
    bar.set_ticks([0, level, 1], labels=["0", "1/e" if level == LEVEL else f"{level:g}", "1"])
    bar.ax.tick_params(which="both", length=0)
    bar.set_label(words)
