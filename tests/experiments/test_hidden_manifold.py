"""Hidden manifold: slopes with known answers, and the script in small."""

import json

import hidden_manifold
import numpy as np
import pytest
import xarray as xr
from experiment import Verdict

SIZES = hidden_manifold.Sizes((2,), (8, 16, 32), (2, 4, 8), common=4, patterns=320, sweeps=10, samples=8)


def errors(by_dimension: float, by_width: float) -> xr.Dataset:
    """Test errors 0.3 + a ln(D/4) + b ln(N/16) with an error of 0.01 each."""
    rows = [(N, D, hidden_manifold.LOAD * N) for N in SIZES.width for D in SIZES.dimension]
    rows += [(N, SIZES.common, SIZES.patterns) for N in (8, 32)]
    N, D, M = (np.array(x) for x in zip(*rows, strict=True))
    mean = 0.3 + by_dimension * np.log(D / 4) + by_width * np.log(N / 16)
    names = ("test_error", "train_error", "relative", "majority", "neighbour")
    data = {f"{name}_{k}": ("run", x) for name in names for k, x in (("mean", mean), ("error", 0.01 + 0 * mean))}
    labels = {"depth": 2 + 0 * N, "width": N, "dimension": D, "patterns": M}
    return xr.Dataset(data, {k: ("run", v) for k, v in labels.items()})


@pytest.mark.parametrize(
    ("by_dimension", "by_width", "verdicts"),
    [
        (0.05, 0.05, [Verdict.SEEN] * 3),
        (-0.05, -0.05, [Verdict.CONTRADICTED] * 3),
        (0.05, 0.0, [Verdict.SEEN] + [Verdict.INCONCLUSIVE] * 2),
    ],
)
def test_verdicts(by_dimension, by_width, verdicts):
    assert [claim.verdict for claim in hidden_manifold.claims(errors(by_dimension, by_width), SIZES)] == verdicts


def test_slope_and_its_error():
    part = hidden_manifold.series(errors(0.05, 0.1), "width", depth=2, dimension=4, patterns=320)
    assert part["width"].values.tolist() == [8, 16, 32]
    assert hidden_manifold.slope(part, "width", "test_error") == pytest.approx((0.1, 0.01 / np.log(4) * 2**0.5))
    assert np.isnan(hidden_manifold.slope(part.isel(width=[0]), "width", "test_error")).all()


def test_mean_over_the_last_decade():
    time = np.array([0, 1, 10, 100])
    error = xr.DataArray([[[9.0, 9.0, 0.2, 0.4], [9.0, 9.0, 0.4, 0.6]]], dims=("run", "sample", "time"))
    data = xr.Dataset({"test_error": error, "majority": (("run", "sample"), [[0.4, 0.6]])}, {"time": time})
    late = hidden_manifold.errors(hidden_manifold.late(data))
    assert late["test_error_mean"].values == pytest.approx(0.4)
    assert late["test_error_error"].values == pytest.approx(0.1)
    assert late["relative_mean"].values == pytest.approx(0.8)


@pytest.mark.slow
def test_script(tmp_path):
    hidden_manifold.main(["--quiet", "--output-dir", str(tmp_path / "out"), "--runs-dir", str(tmp_path / "runs")])
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(summary["claims"]) == 3
    data = xr.load_dataset(tmp_path / "out" / "data.nc")
    assert set(data["width"].values) == {4, 6}
    assert data["test_error_mean"].values.min() > 0
    assert all("units" in x.attrs for x in data.data_vars.values())
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"figure.png", "figure.pdf", "summary.json", "data.nc"}
