"""Formulas of docstrings, which are written as on a typewriter, as TeX.

A formula stands on a line of its own, alone or before words:

    q_l = 1/(N_l M) sum_{mu i} S^a S^b for layers 1..L                             [Yoshino 2020]

It begins with a symbol and has a relation; it ends before the first word that is neither a function, a Greek letter nor
an argument of the docstring.
"""

import re
from collections.abc import Collection

GREEK = {
    **{name: name for name in (
        "alpha", "beta", "gamma", "delta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "pi", "rho", "sigma",
        "tau", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Phi", "sum", "int", "exp", "ln", "log", "min", "max",
        "sin", "cos", "tanh", "cosh", "arccos", "det",
    )},
    "eps": "varepsilon", "epsilon": "varepsilon", "inf": "infty", "infinity": "infty",
}  # fmt: skip
"""Words with a command of their own."""

FUNCTIONS = ("sgn", "sech", "binom", "sign", "asin", "Var")
"""Words that are set upright."""

SHORT = ("of", "in", "if", "to", "at", "is", "or", "as", "on", "by")
"""Words that are no symbols, however short."""

SIGNS = {"->": r"\to ", "<=": r"\leq ", ">=": r"\geq ", "!=": r"\neq ", "..": r"\ldots ", "*": r"\,", "~": r"\sim "}

TOKEN = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)?|->|<=|>=|!=|\.\.|\s+|.")
LABEL = re.compile(r"^([a-z]{4,}:)\s+(?=\S+ =)")
RELATION = re.compile(r"\s(=|<=|~|->)\s")
SOURCE = re.compile(r"\s*(\[[^\[\]]*(?:\d{4}|eq\.)[^\[\]]*\])\.?$")
INDEX = re.compile(r"[_^](\{[^{}]*\}|\w+)")
DANGLING = re.compile(rf"(,\s*[\w']{{1,3}}|\s(?:a|{'|'.join(SHORT)}))$")

LONGEST = 75
"""Letters of the words after a formula, at most: more is a sentence that begins with a symbol."""


def split(line: str, arguments: Collection[str] = ()) -> tuple[str, str, str, str] | None:
    """Label, formula, words after it and source of a line; None for a line that is no formula.

    Args:
        line: one line of a docstring.
        arguments: words that stand for numbers.
    """
    source, label = SOURCE.search(line), LABEL.match(line)
    body = line[label.end() if label else 0 : source.start() if source else None]
    known = {*GREEK, *FUNCTIONS, "sqrt", *arguments}
    if not _begins_with_symbol(body) or "`" in body:
        return None
    words = re.sub(r"[A-Za-z]+(?=_)", lambda m: " " * len(m[0]), INDEX.sub(lambda m: "_" + " " * (len(m[0]) - 1), body))
    first = next((m for m in re.finditer(r"[A-Za-z]{3,}", words) if m[0] not in known), None)
    formula = body if first is None else body[: first.start()]
    formula = formula.rstrip(" ,;:.(")
    while first is not None and (end := DANGLING.search(formula)):
        formula = formula[: end.start()]
    rest = body[len(formula) :].strip(" ,;:.")
    balanced = all(formula.count(a) == formula.count(b) for a, b in ("()", "{}", "[]"))
    if not RELATION.search(formula) or not balanced or re.search(r"[-+=*/<]$", formula) or len(rest) > LONGEST:
        return None
    if RELATION.search(rest) and not re.match(r"(with|for|where)\b", rest):
        return None
    return label[1] if label else "", formula, rest, source[1] if source else ""


def _begins_with_symbol(text: str) -> bool:
    word = re.match(r"1/|[A-Za-z]+", text)
    return (
        word is not None
        and (len(word[0]) <= 2 or word[0] in GREEK or text[word.end()] == "_")
        and word[0] not in ("infinity", *SHORT)
    )


def tex(formula: str) -> str:
    """A formula as TeX."""
    out, tokens, place, braces = [], TOKEN.findall(formula), 0, []
    while place < len(tokens):
        token, after = tokens[place], tokens[place + 1 : place + 2]
        before = tokens[place - 1] if place else " "
        raised = before in ("_", "^")
        if token == "sqrt" and after == ["("]:
            close = _closing(tokens, place + 1)
            out.append(rf"\sqrt{{{tex(''.join(tokens[place + 2 : close]))}}}")
            place = close
        elif token == "sqrt":
            step = 2 if after and after[0].isspace() else 1
            out.append(rf"\sqrt{{{tex(tokens[place + step])}}}")
            place += step
        elif raised and token == "(":
            close = _closing(tokens, place)
            out.append("{" + tex("".join(tokens[place : close + 1])) + "}")
            place = close
        elif raised and token == "-" and after:
            out.append("{-" + tex(after[0]) + "}")
            place += 1
        elif token == "{":
            braces.append(raised)
            out.append("{" if raised else r"\{")
        elif token == "}":
            out.append("}" if braces and braces.pop() else r"\}")
        else:
            found = _token(token, before, after[0] if after else " ")
            out.append("{" + found + "}" if raised else found)
        place += 1
    return "".join(out)


def _token(token: str, before: str, after: str) -> str:
    if token.isspace():
        return r"\quad " if len(token) > 1 else " "
    if token in GREEK:
        return rf"\{GREEK[token]} "
    if token in SHORT:
        return rf"\mathrm{{\;{token}\;}}"
    if token[0].isalpha():
        word = rf"\mathrm{{{token}}}"
        return token if len(token) < 3 else word if after in ("_", "^", "(") else word + r"\,"
    if token == "<" and not after.isspace():
        return r"\langle "
    if token == ">" and not before.isspace():
        return r"\rangle "
    return SIGNS.get(token, token)


def _closing(tokens: list[str], start: int) -> int:
    """Place of the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[place], 0)
        if depth == 0:
            return place
    return len(tokens) - 1
