"""Figures as vector graphics inside the page, in colours that follow its light or dark theme."""

import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from glassnet.plot import paper
from glassnet.plot.style import ON_COLOUR
from glassnet.report.markup import Markup, tag

WIDTH, HEIGHT = 4.2, 3.15
"""Inches: two stand side by side on a desk, one fills a telephone, and letters stay legible on both."""

ON_PAGE = {"figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none", "axes.labelsize": 8.5}
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
COLOUR = re.compile(r"\b(fill|stroke): #([0-9a-f]{6})\b")


def figure(
    anchor: str,
    caption: object,
    alt: str,
    draw: Callable[..., Any],
    data: Any,
    *,
    height: float = HEIGHT,
    **options: Any,
) -> Markup:
    """A figure with its caption.

    Args:
        anchor: unique name on the page; ids inside the drawing begin with it.
        caption: words below it.
        alt: words in its place for those who do not see it.
        draw: plot function, (data, ax, **options) -> Axes.
        data: what it draws.
        height: inches.
        options: of the plot function.
    """
    drawing = drawn(anchor, draw, data, height=height, **options)
    inner = drawing.replace("<svg ", tag("svg", role="img", aria_label=alt).removesuffix("></svg>") + " ", 1)
    return tag("figure", Markup(inner), tag("figcaption", caption), id=anchor)


def drawn(anchor: str, draw: Callable[..., Any], data: Any, *, height: float = HEIGHT, **options: Any) -> str:
    """The SVG element that a plot function makes; equal data give equal text."""
    settings: Any = {**ON_PAGE, "svg.hashsalt": anchor, "svg.fonttype": "path"}
    with paper(), mpl.rc_context(settings):
        layout = ConstrainedLayoutEngine(w_pad=0.04, h_pad=0.04)
        sheet = Figure(figsize=(WIDTH, height), dpi=150, layout=layout)
        draw(data, sheet.add_subplot(), **options)
        text = io.StringIO()
        FigureCanvasSVG(sheet).print_svg(text, metadata=NO_METADATA)  # savefig would draw everything twice
    return themed(unique_ids(text.getvalue(), anchor))


def unique_ids(svg: str, anchor: str) -> str:
    """The SVG element of a file, its ids and what refers to them with `anchor` in front."""
    svg = re.sub(r"<(metadata|style).*?</\1>", "", svg[svg.index("<svg ") :], flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{anchor}-', svg)
    svg = re.sub(r'href="#', f'href="#{anchor}-', svg)
    return re.sub(r"url\(#", f"url(#{anchor}-", svg).strip()


def themed(svg: str) -> str:
    """Colours of lines and areas as variables of the style sheet, which `palette` defines."""
    return COLOUR.sub(lambda m: f"{m[1]}: var(--c{m[2]})", svg)


def palette(page: str) -> tuple[str, str]:
    """Definitions of all colours that figures of a page use, in the light and in the dark theme."""
    names = sorted({*re.findall(r"var\(--c([0-9a-f]{6})\)", page), "000000"})
    light = "".join(f"--c{name}:#{name};" for name in names)
    return light, "".join(f"--c{name}:{on_dark(name)};" for name in names)


def on_dark(name: str) -> str:
    """The colour `name` (six hexadecimal digits) on a dark page: greys reversed, others mixed with white.

    Darker colours get more white, so that a scale of colours keeps its order. Letters on coloured ground stay.
    """
    r, g, b = to_rgb(f"#{name}")
    if f"#{name}" in ON_COLOUR:
        return f"#{name}"
    if max(r, g, b) - min(r, g, b) < 0.02:
        grey = 0.93 - 0.85 * r
        return to_hex((grey, grey, grey))
    white = 0.5 * (1 - (0.3 * r + 0.59 * g + 0.11 * b))
    return to_hex((r + (1 - r) * white, g + (1 - g) * white, b + (1 - b) * white))
