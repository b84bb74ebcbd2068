"""Free entropy beside closures: verdicts on values made up, the line in 1/c, the script in small."""

import json

import free_entropy as script
import numpy as np
import pytest
import xarray as xr
from experiment import Verdict

BETA = [4.0, 16.0]
LIQUID, FACTORISED, EXACT = -0.21, -0.22, -0.215


def made(ordered=EXACT, liquid=LIQUID, error=1e-4):
    """Two loads, three connectivities: values on lines in 1/c that end at these."""
    rows = [(alpha, c) for alpha in (3.0, 20.0) for c in (16, 24, 32)]
    ends = {3.0: liquid, 20.0: ordered}
    values = np.array([[ends[a] + 0.5 / c] * 2 for a, c in rows])
    lines = {"liquid": (LIQUID, LIQUID), "factorised": (LIQUID, FACTORISED), "exact": (LIQUID, EXACT)}
    return xr.Dataset(
        {"value": (("run", "beta"), values), "error": (("run", "beta"), np.full(values.shape, error))}
        | {name: (("load", "beta"), np.array([[x] * 2 for x in pair])) for name, pair in lines.items()},
        {"beta": BETA, "load": [3.0, 20.0]}
        | {name: ("run", list(x)) for name, x in zip(("alpha", "connectivity"), zip(*rows, strict=True), strict=True)},
    )


S, C, I = Verdict.SEEN, Verdict.CONTRADICTED, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("changes", "verdicts"), [
    ({}, [S, C, S, S]),
    ({"ordered": FACTORISED}, [S, S, C, S]),
    ({"ordered": LIQUID + 0.005}, [S, C, C, C]),
    ({"liquid": LIQUID + 0.01}, [C, C, S, S]),
    ({"error": 1e-2}, [I, I, I, I]),
])  # fmt: skip
def test_verdicts(changes, verdicts):
    assert [claim.verdict for claim in script.claims(made(**changes))] == verdicts


def test_the_limit_is_the_end_of_the_line():
    value, error = script.limit(script.at_load(made(), 20.0))
    x = 1 / np.array([16, 24, 32])
    expected = 1e-4 * np.sqrt(np.linalg.inv(np.stack([np.ones(3), x]) @ np.stack([np.ones(3), x], 1))[0, 0])
    np.testing.assert_allclose(value, EXACT, atol=1e-12)
    np.testing.assert_allclose(error, expected)


def test_the_closures_differ_where_it_is_measured():
    found = script.theory(20.0, np.array([16.0]))
    assert found["factorised"][0] < found["exact"][0] - 0.003 < found["liquid"][0] - 0.005
    liquid = script.theory(3.0, np.array([16.0]))
    for closure in script.CLOSURES:
        assert liquid[closure] == pytest.approx(liquid["liquid"], abs=1e-4)


@pytest.mark.slow
def test_script(tmp_path):
    script.main(["--quiet", "--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs")])
    assert len(json.loads((tmp_path / "out" / "summary.json").read_text())["claims"]) == 4
