"""The table of claims in results/README.md, made from results/*/summary.json.

python experiments/table.py            # print it
python experiments/table.py --write    # put it into results/README.md
"""

import argparse
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- claims -->\n", "<!-- end of claims -->\n"
"""What stands around the table there."""


def table(results: Path = ROOT / "results") -> str:
    """Claim, source, verdict, whether its test was chosen before the data, and figure: one row for each claim."""
    rows = []
    for path in sorted(results.glob("*/summary.json")):
        summary = json.loads(path.read_text(encoding="utf-8"))
        rows += [row(path.parent.name, claim, summary["test_before_data"]) for claim in summary.get("claims", [])]
    head = ["| claim | source | verdict | test chosen before the data | figure |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def row(name: str, claim: dict, test_before_data: str) -> str:
    figure = f"[{name}]({name}/figure.png)"
    cells = (claim["claim"].rstrip("."), claim["source"], claim["verdict"], test_before_data, figure)
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def with_table(text: str, new: str) -> str:
    """A text whose table is replaced.

    Raises:
        ValueError: if there are not exactly one beginning and one end.
    """
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"Argument `text` must hold {BEGIN!r} and {END!r} once.")
    return pattern.sub(lambda _: BEGIN + new + END, text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put it into results/README.md")
    if parser.parse_args().write:
        readme = ROOT / "results" / "README.md"
        readme.write_text(with_table(readme.read_text(encoding="utf-8"), table()), encoding="utf-8")
    else:
        print(table(), end="")


if __name__ == "__main__":
    main()
