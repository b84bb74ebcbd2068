"""Layers of a machine that learns digits freeze at different speeds.

Claim: after a quench of a machine of depth 10 whose inputs and outputs are clamped to handwritten digits 0 and 1 and
their classes, the spin autocorrelation of its layers decays at rates that differ by more than their errors, it decays
the slower the longer the machine has waited (aging), and clones of one configuration part in some layers (liquid)
while they stay together in others (solid).

    python experiments/demo.py --output-dir results/demo
"""

import argparse
import json
from pathlib import Path

from glassnet.cli.progress import progress_bar
from glassnet.demo import CONFIG, demo, headline

# Config: 784 inputs, nine hidden layers of 20 neurons, two outputs, 100 patterns; Gaussian weights, energy = number of
# violated gaps, beta = 4.
config = CONFIG


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output-dir", type=Path, default=Path("results/demo"))
    folder = parser.parse_args().output_dir

    # Run, analysis and figure: hosts to their waiting times, clones from there on.
    with progress_bar() as report:
        files = demo(folder, config=config, report=report)

    # Result.
    print(headline(json.loads(files["summary"].read_text(encoding="utf-8"))))
    print(*files.values(), sep="\n")


if __name__ == "__main__":
    main()
