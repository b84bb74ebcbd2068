"""Builds the reference of all modules from their docstrings: python docs/reference.py FOLDER.

pdoc writes the pages. Added here: formulas as TeX, a map of all modules on the first page, and a check that every link
and every name of the package in a docstring leads somewhere.
"""

import html
import pkgutil
import re
import sys
from importlib import import_module
from pathlib import Path

import pdoc
from formulas import split, tex
from pdoc import docstrings, extract, render

import glassnet

SECTIONS = re.compile(r"^(Args|Attributes|Returns|Raises):$")
OF_PACKAGE = re.compile(r"`((?:glassnet|gn)(?:\.\w+)+)`")


def with_formulas(text: str) -> str:
    """A docstring with its formulas as TeX, and its other lines safe from being read as HTML or emphasis."""
    arguments = re.findall(r"^    (\w+):", text, flags=re.MULTILINE)
    lines, head = [], True
    for line in text.splitlines():
        head = head and not SECTIONS.match(line)
        found = split(line.strip(), arguments) if head and not line.startswith("        ") else None
        lines += [escaped(line)] if found is None else displayed(*found)
    return "\n".join(lines)


def displayed(label: str, formula: str, words: str, source: str) -> list[str]:
    """Lines of Markdown that show a formula, with its source in the margin and words below."""
    margin = f'<span class="source">{html.escape(source)}</span>' if source else ""
    box = f'<div class="formula">{margin}$${html.escape(tex(formula))}$$</div>'
    return ["", label, "", box, "", escaped(words), ""]


def escaped(line: str) -> str:
    """A line with `<` and `*` as they are, outside of code."""
    if re.match(r"\s*(>>>|\.\.\. )", line):
        return line
    parts = line.split("`")
    parts[::2] = [
        x.replace("&", "&amp;").replace("<", "&lt;").replace("*", r"\*").replace("$", r"\$") for x in parts[::2]
    ]
    return "`".join(parts)


def chapters(names: list[str]) -> str:
    """A list of all modules with the first sentences of their docstrings."""
    lines = []
    for name in names:
        words = (import_module(name).__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
        indent = "    " * (name.count(".") - 1)
        lines.append(f"{indent}- [`{name}`]({name.replace('.', '/')}.html): {words}")
    return "\n\n## All modules\n\n" + "\n".join(lines)


def missing_names(names: list[str]) -> list[str]:
    """Names of the package that docstrings mention and that do not exist."""
    found = []
    for name in names:
        source = Path(str(import_module(name).__file__)).read_text(encoding="utf-8")
        found += [
            f"{name}: {path}" for path in OF_PACKAGE.findall(source) if not exists(re.sub(r"^gn\.", "glassnet.", path))
        ]
    return found


def exists(path: str) -> bool:
    """Whether a dotted name can be imported or reached."""
    thing, tried = glassnet, "glassnet"
    for part in path.split(".")[1:]:
        tried += f".{part}"
        try:
            thing = getattr(thing, part) if hasattr(thing, part) else import_module(tried)
        except ImportError:
            return part in getattr(thing, "__dataclass_fields__", {}) or part in getattr(thing, "__annotations__", {})
    return True


def broken_links(folder: Path) -> list[str]:
    """Links within the pages that lead nowhere."""
    pages = {page.resolve(): page.read_text(encoding="utf-8") for page in folder.rglob("*.html")}
    anchors = {page: set(re.findall(r'id="([^"]+)"', text)) for page, text in pages.items()}
    found = []
    for page, text in pages.items():
        for link in set(re.findall(r'href="([^"]+)"', text)):
            path, _, anchor = html.unescape(link).partition("#")
            if re.match(r"\w+:|\$\{", link):
                continue
            target = (page.parent / path).resolve() if path else page
            if target not in pages or (anchor and anchor not in anchors[target]):
                found.append(f"{page.name}: {link}")
    return found


def main(folder: Path) -> None:
    """Write the pages; exit with a list if anything leads nowhere."""
    for name in glassnet.__all__:  # those that are loaded on first use
        setattr(glassnet, name, getattr(glassnet, name))
    names = [found.name for found in pkgutil.walk_packages(glassnet.__path__, "glassnet.")]
    names = [name for name in names if not name.rpartition(".")[2].startswith("_")]
    glassnet.__doc__ = (glassnet.__doc__ or "") + chapters(names)
    convert = docstrings.convert
    docstrings.convert = lambda text, form, source: convert(with_formulas(text), form, source)
    render.configure(docformat="google", math=True, template_directory=Path(__file__).parent)
    extract.walk_specs = lambda specs: specs  # all of them, and not only those that `__all__` names
    pdoc.pdoc("glassnet", *names, output_directory=folder)
    wrong = [*missing_names(names), *broken_links(folder)]
    sys.exit("leads nowhere:\n" + "\n".join(wrong) if wrong else 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
