"""What the theory scripts share: arguments, and writing a figure with its summary."""

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

import matplotlib
import numpy
import scipy

matplotlib.use("Agg")

RESULTS = Path(__file__).resolve().parent.parent / "results" / "theory"


def arguments(description: str | None) -> str:
    """The scale asked for on the command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", choices=("smoke", "desk"), default="smoke")
    parser.add_argument("--out", type=Path, help="folder instead of results/theory")
    options = parser.parse_args()
    if options.out is not None:
        global RESULTS
        RESULTS = options.out
    return options.scale


def finish(figure: Any, name: str, scale: str, numbers: dict[str, Any]) -> None:
    """Write NAME.png and NAME/summary.json, each whole or not at all."""
    folder = RESULTS / name
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "figure.part.png", dpi=130)
    os.replace(folder / "figure.part.png", folder / "figure.png")
    versions = {"python": platform.python_version(), "numpy": numpy.__version__, "scipy": scipy.__version__}
    summary = {"experiment": name, "scale": scale, "results": numbers, "versions": versions}
    (folder / "summary.part").write_text(json.dumps(summary, indent=1) + "\n")
    os.replace(folder / "summary.part", folder / "summary.json")
