"""The scripts in experiments/ and experiments/benchmarks/ import each other by plain names."""

import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "experiments"
sys.path[:0] = [str(SCRIPTS), str(SCRIPTS / "benchmarks")]
