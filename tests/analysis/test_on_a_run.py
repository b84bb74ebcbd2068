"""Analyses on the result of a run, with the coordinates that runs have, where a warning is an error."""

import pytest
from simulation.tiny import standard

from glassnet import analysis

CALLS = {
    "bootstrap": lambda ds: analysis.bootstrap(lambda d: d.energy.mean("sample"), ds, seed=0, resamples=20),
    "jackknife": lambda ds: analysis.jackknife(lambda d: d.energy.mean("sample"), ds),
    "plateau_height": lambda ds: analysis.plateau_height(ds.spin_autocorrelation),
    "plateau_of_pairs": lambda ds: analysis.plateau_height(ds.spin_overlap),
    "aging_exponent": lambda ds: analysis.aging_exponent(ds.spin_autocorrelation, seed=0, resamples=3),
    "susceptibility_peak": lambda ds: analysis.susceptibility_peak(ds, seed=0, resamples=10),
    "reduced_overlap": lambda ds: analysis.reduced_overlap(ds, "permutation"),
    "overlap_distribution": lambda ds: analysis.overlap_distribution(ds.final_spin_overlap),
    "trees": lambda ds: analysis.trees(ds.final_spin_overlap),
    "ultrametricity": lambda ds: analysis.ultrametricity(ds.final_spin_overlap, seed=0),
    "ultrametricity_null": lambda ds: analysis.ultrametricity_null(ds.final_spin_overlap, "gaussian", seed=0, draws=2),
    "penetration_depth": lambda ds: analysis.penetration_depth(analysis.mean_pair_overlap(ds.spin_overlap)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_coordinates_and_words_of_a_run(call):
    ds = standard()
    before = ds.copy(deep=True)
    out = call(ds)
    assert out.data_vars and "beta" in out.coords
    for name in set(out.dims) & set(ds.dims) - {"layer"}:
        assert out.sizes[name] == ds.sizes[name]
    assert not {"lag", "sample"} & set(out.dims) or call is CALLS["penetration_depth"]
    assert ds.identical(before)
