"""HTML from Python values: whatever is not markup already is escaped."""

from collections.abc import Iterable, Sequence
from html import escape


class Markup(str):
    """Text that is HTML. Everything else becomes text on the page, character by character."""

    __slots__ = ()


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """An element with its closing tag.

    Args:
        name: name of the element.
        children: what it holds; anything but `Markup` is escaped.
        attributes: its attributes, a trailing underscore dropped and others turned into hyphens. None leaves an
            attribute out, True gives it no value.
    """
    words = "".join(_attribute(key, value) for key, value in attributes.items())
    return Markup(f"<{name}{words}>{joined(children)}</{name}>")


def joined(children: Iterable[object], between: str = "") -> Markup:
    """Pieces of a page one after the other, escaped where they are not `Markup`; None is left out."""
    return Markup(between.join(_text(child) for child in children if child is not None))


def _text(child: object) -> str:
    return child if isinstance(child, Markup) else escape(str(child))


def _attribute(key: str, value: object) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


def table(caption: object, head: Sequence[object], rows: Iterable[Sequence[object]], *, numbers: bool = True) -> Markup:
    """A table that scrolls by itself where it is wider than the page; the first cell of each row is its header.

    Args:
        caption: what it shows.
        head: headers of the columns; none for a table of names and values.
        rows: cells, row by row.
        numbers: align cells to the right, as numbers.
    """
    columns = tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head))) if head else None
    body = tag("tbody", *(tag("tr", tag("th", row[0], scope="row"), *(tag("td", x) for x in row[1:])) for row in rows))
    words = plain(caption)
    inner = tag("table", columns, body, class_="numbers" if numbers else "words", aria_label=words)
    scroll = tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=words)
    return tag("div", tag("p", caption, class_="caption"), scroll, class_="table")


def plain(text: object) -> str:
    """Text without markup, for attributes that must not hold any."""
    words, inside = [], False
    for character in str(text):
        inside = (inside or character == "<") and character != ">"
        words.append("" if inside or character == ">" else character)
    return "".join(words) if isinstance(text, Markup) else str(text)
