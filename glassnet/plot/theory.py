"""Theory drawn over a picture of the simulation."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation
from xarray import DataArray, Dataset

from glassnet.analysis.labels import in_words
from glassnet.core.check import fail, one_of
from glassnet.plot.labels import label
from glassnet.plot.overlaps import layer_axis
from glassnet.plot.style import graded, layer_bar, layer_colours, legend, on_axes
from glassnet.tasks import Task
from glassnet.theory.curves import warn_of_noisy_teacher

CLOSURES = {"factorised": {"linestyle": "--", "linewidth": 1.8}, "exact": {"linestyle": "-", "linewidth": 0.8}}
"""Style of each closure: where both agree, thick dashes lie on a thin line."""
UNNAMED = {"linestyle": ":", "linewidth": 1.4}
"""Style of theory without a closure."""

ROW = 16
"""Height of a legend of one row, in points."""

ON_THE_NISHIMORI_LINE = {"teacher_overlap": "spin_overlap"}
"""What the student's replicas share with the teacher, who is one of them."""

THEORY = "theory"
"""Mark (gid) of what theory has drawn."""

AGAINST = ("layer", "alpha", "width")


@on_axes
def theory_lines(
    data: Dataset | Sequence[Dataset],
    ax: Axes | None = None,
    *,
    name: str = "spin_overlap",
    against: str = "layer",
    colours: Sequence | Mapping | None = None,
    task: Task | None = None,
) -> Axes:
    """Curves of `glassnet.theory.curves` over a picture of the simulation, lines labelled by closure and exactness.

    The factorised closure is dashed, the exact one a thin full line. Theory is about equilibrium: it has no waiting
    time and is black over lines for waiting times. Where there are several curves of a closure, they have the
    colours that simulations have: loads against `layer` those of `overlap_profile`, layers against `alpha` those of
    `layer_colours`; depths against `alpha` have a legend. Overlaps of neurons against `layer` start at the clamped
    input and end at the clamped output, where they are 1. Against `width` a line is level: the limit N -> infinity.
    The range of `ax` that the simulation has chosen is kept horizontally.

    Args:
        data: one curve, or one for each closure: dims `alpha`, `layer` or both, the attributes `closure` and
            `exactness`; of `one_output_curves` `depth` and `alpha`.
        ax: axes with the simulation; a new figure if None.
        name: variable of the curves. `teacher_overlap` is their `spin_overlap` with a teacher (scenario "teacher":
            the teacher is one of the replicas).
        against: "layer", "alpha" or "width", the horizontal axis.
        colours: one for each load (against `layer`), layer or depth (against `alpha`), in their order or by value.
        task: the data of the simulation, for curves of a teacher that errs.
    Returns:
        The axes.
    Raises:
        ValueError: for a variable or a dimension that is missing or one too many, or too few colours.
    Warns:
        NoisyTeacherWarning: for a teacher that errs, unless that of `task` errs alike.
    """
    one_of(AGAINST, against=against)
    curves = list(data) if isinstance(data, (list, tuple)) else [data]
    if not curves:
        raise fail("data", "hold at least one curve", data)
    for curve in curves:
        if not isinstance(curve, Dataset):
            raise ValueError(f"Argument `data` must be a Dataset of theory or several, but is {in_words(curve)}.")
        warn_of_noisy_teacher(curve.attrs, task)
    empty, limits = not ax.has_data(), ax.get_xlim()
    for curve in curves:
        values = _values(curve, name, against)
        _draw(ax, values, against, colours, label=closure_word(curve), **closure_style(curve))
    if empty:
        _dress(ax, values, name, against, colours)
    else:
        ax.set_xlim(limits)
    _explain(ax)
    return ax


def closure_style(curve: Dataset) -> dict:
    """Line style and width for the closure of a curve."""
    return CLOSURES.get(curve.attrs.get("closure", ""), UNNAMED)


def _values(curve: Dataset, name: str, against: str) -> DataArray:
    """The variable with the horizontal axis last, at most one dimension before it."""
    source = ON_THE_NISHIMORI_LINE.get(name, name)
    if source != name and curve.attrs.get("scenario") != "teacher":
        raise fail("data", f"have the scenario 'teacher' to show {name!r}", curve.attrs.get("scenario"))
    if source not in curve:
        raise fail("name", f"be one of {sorted(map(str, curve.data_vars))}", name)
    values = curve[source]
    if not values.size:
        raise fail("data", f"have values of {source!r}", dict(values.sizes))
    rows = "depth" if against == "alpha" and "layer" not in values.dims else "layer"
    further = sorted({*map(str, values.dims)} - {"alpha", rows})
    if further:
        raise fail("data", f"have no dimension {further[0]!r} in {source!r}: select from it", dict(values.sizes))
    if against == "width":
        return _limit(values)
    if against not in values.dims:
        raise fail("data", f"have the dimension {against!r} in {source!r}", tuple(map(str, values.dims)))
    return values.transpose(..., against)


def _limit(values: DataArray) -> DataArray:
    """One number, or one by layer: the value at infinite width."""
    if values.sizes.get("alpha", 1) > 1:
        raise fail("data", "have a single alpha against 'width'", values["alpha"].values.tolist())
    return values.squeeze("alpha") if "alpha" in values.dims else values


def _draw(ax: Axes, values: DataArray, against: str, colours: Sequence | Mapping | None, **style) -> None:
    """One line for each position along the dimension that is not drawn against."""
    rows = [d for d in values.dims if d != against]
    chosen = _colours(values, rows, colours)
    for n, colour in enumerate(chosen):
        row = values.isel(dict.fromkeys(rows, n))
        options = {"color": colour, "zorder": 1.8, "gid": THEORY, **style}
        if against == "width":
            ax.axhline(float(row), **options)
            continue
        ax.plot(*(_between_the_clamped(row) if against == "layer" else (row["alpha"].values, row.values)), **options)


def _colours(values: DataArray, rows: Sequence, given: Sequence | Mapping | None) -> list:
    """Colours of the lines along the dimension `rows`: those given, black for a single one, else the simulation's."""
    if not rows:
        return [given[0] if isinstance(given, (list, tuple)) and given else "black"]
    labels = values[rows[0]].values.tolist()
    if given is None:
        several = layer_colours(labels)[0] if rows[0] == "layer" else graded("plasma", len(labels))
        return several if len(labels) > 1 else ["black"]
    known = given if isinstance(given, Mapping) else dict(zip(labels, given, strict=False))
    lacking = [x for x in labels if x not in known]
    if lacking:
        raise fail("colours", f"have one for each {rows[0]} in {labels}", given)
    return [known[x] for x in labels]


def _between_the_clamped(row: DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Layers and values, for neurons from the clamped input on."""
    l, q = row["layer"].values, row.values
    if row.name == "spin_overlap" and l[0] == 1:
        return np.concatenate([[0], l]), np.concatenate([[1.0], q])
    return l, q


def closure_word(curve: Dataset) -> str:
    """The closure and how far it is to be believed; "formal" above the rigorous bound on the capacity."""
    closure = str(curve.attrs.get("closure", "theory"))
    if "above_capacity_bound" in curve and bool(curve["above_capacity_bound"].any()):
        return f"{closure} (formal)"
    return f"{closure}: {curve.attrs['exactness']}" if "exactness" in curve.attrs else closure


def _dress(ax: Axes, values: DataArray, name: str, against: str, colours: Sequence | Mapping | None) -> None:
    """Labels of axes that show theory alone, and what its colours mean."""
    axis = "width $N$" if against == "width" else label(values[against])
    ax.set(xlabel=axis, ylabel=label(values) if name == values.name else name.replace("_", " "))
    if against == "layer":
        layer_axis(ax, values["layer"].values, None)
    rows = [d for d in values.dims if d != against]
    if not rows or values.sizes[rows[0]] < 2:
        return
    labels = values[rows[0]].values.tolist()
    if rows[0] == "layer" and colours is None:
        layer_bar(layer_colours(labels)[1], labels, ax)
        return
    shown = zip(labels, _colours(values, rows, colours), strict=True)
    title = {"alpha": r"$\alpha =$", "depth": "$L =$"}.get(str(rows[0]), str(rows[0]))
    legend(ax, [Line2D([], [], color=c, label=f"{x:g}") for x, c in shown], title=title)


def _explain(ax: Axes) -> None:
    """A legend of closures in a row above the axes, over that of the simulation, which stays."""
    lines = {line.get_label(): line for line in ax.get_lines() if line.get_gid() == THEORY}
    style = {word: {"linestyle": x.get_linestyle(), "linewidth": x.get_linewidth()} for word, x in lines.items()}
    handles = [Line2D([], [], color="black", label=word, **shape) for word, shape in style.items()]
    old = ax.get_legend()
    if old is not None and old.get_gid() != THEORY:
        ax.add_artist(old)
    above = any(isinstance(x, Legend) and not x.get_bbox_to_anchor().height for x in ax.artists)
    up = ScaledTranslation(0, above * ROW / 72, ax.figure.dpi_scale_trans)
    place = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "bbox_transform": ax.transAxes + up}
    ax.legend(handles=handles, ncols=len(handles), handlelength=2.2, **place, **_like(old)).set_gid(THEORY)


def _like(old: Legend | None) -> dict:
    """Style of the legend that is there: axes may have been made in another style than is in force now."""
    if old is None or not old.get_texts():
        return {}
    spaces = ("borderpad", "borderaxespad", "handletextpad", "columnspacing")
    style = {name: getattr(old, name) for name in spaces}
    return style | {"prop": old.get_texts()[0].get_fontproperties(), "frameon": old.get_frame_on()}
