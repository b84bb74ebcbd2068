"""Parts of a run, joined: bit for bit the whole; and what is said of parts that do not fit."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

import glassnet as gn
from glassnet.perceptron.observe.table import OPTIONAL

sys.path.insert(0, str(Path(__file__).parents[1] / "simulation"))
import tiny

PROTOCOL = dataclasses.replace(tiny.PROTOCOL, samples=3)
OF_A_PROCESS = {"started", "finished", "run_seconds", "processes"}


def assert_same_bits(one, other):
    """Equal names, dims, attributes, types and bits."""
    assert set(one.variables) == set(other.variables)
    for name in one.variables:
        a, b = one[name], other[name]
        assert (a.dims, a.dtype, a.attrs) == (b.dims, b.dtype, b.attrs), name
        assert a.values.tobytes() == b.values.tobytes(), name
    changed = {k for k in one.attrs | other.attrs if one.attrs.get(k) != other.attrs.get(k)}
    assert changed <= OF_A_PROCESS


def write_parts(folder, parts, **changes):
    """All parts of a run, written one after the other; the path of the whole."""
    path = folder / "run.nc"
    for n in range(parts):
        gn.save(tiny.run(protocol=PROTOCOL, part=(n, parts), **changes), path)
    return path


RUNS = [
    (2, {"beta": [1.0, 5.0], "keep_configurations": False, "observables": tuple(OPTIONAL)}),
    pytest.param(4, {"beta": [1.0, 5.0]}, marks=pytest.mark.slow),
    pytest.param(3, {"task": [tiny.task(s) for s in range(3)]}, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("parts", "changes"), RUNS)
def test_parts_make_the_whole_bit_for_bit(tmp_path, parts, changes):
    path = write_parts(tmp_path, parts, **changes)
    assert not path.exists() and len(list(tmp_path.iterdir())) == parts
    whole = tiny.run(protocol=PROTOCOL, **changes)
    assert_same_bits(gn.open(path), whole)
    gn.save(gn.open(path), path)
    assert_same_bits(gn.open(path), whole)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Both parts of a run of two samples, as Datasets."""
    return [tiny.run(part=(n, 2)) for n in range(2)]


def test_a_part_is_a_result_of_its_own_samples(pair, tmp_path):
    for n, part in enumerate(pair):
        assert (part.attrs["part"], part.attrs["parts"]) == (n, 2)
        np.testing.assert_array_equal(part.sample, [n])
        np.testing.assert_array_equal(part.configuration_sample, [n, n])
        np.testing.assert_array_equal(part.energy, tiny.standard().energy.sel(sample=[n]))
        file = gn.save(part, tmp_path / "run.nc")
        assert file == tmp_path / f"run.part-{n}-of-2.nc" == gn.save(gn.open(file), file, overwrite=True)


@pytest.mark.parametrize("earlier", [0, 1])
def test_a_part_of_an_earlier_version_lacks_what_is_new(pair, tmp_path, earlier):
    """The whole has what both parts measured, and what is computed where they are joined."""
    new = ["spin_overlap_squared", "final_spin_overlap_squared", "teacher_overlap_histogram"]
    for n, ds in enumerate(pair):
        gn.save(ds.drop_vars([*new, "squared_overlap"]) if n == earlier else ds, tmp_path / "run.nc")
    ds, whole = gn.open(tmp_path / "run.nc"), tiny.standard()
    assert set(whole.data_vars) - set(ds.data_vars) == {new[0], new[2]}
    np.testing.assert_array_equal(ds.spin_overlap, whole.spin_overlap)
    np.testing.assert_array_equal(ds[new[1]], whole[new[1]])


def test_missing_parts_are_named(pair, tmp_path):
    gn.save(pair[1], tmp_path / "run.nc")
    with pytest.raises(ValueError, match=r"all 2 parts beside it, but lacks run\.part-0-of-2\.nc"):
        gn.open(tmp_path / "run.nc")


def test_parts_of_runs_split_otherwise_are_named(pair, tmp_path):
    gn.save(pair[0], tmp_path / "run.nc")
    (tmp_path / "run.part-1-of-4.nc").write_bytes(b"")
    with pytest.raises(ValueError, match=r"has .*run\.part-0-of-2\.nc, run\.part-1-of-4\.nc"):
        gn.open(tmp_path / "run.nc")


def test_parts_of_another_configuration_are_named(pair, tmp_path):
    gn.save(pair[0], tmp_path / "run.nc")
    gn.save(pair[1].assign_attrs(config_hash="0"), tmp_path / "run.nc")
    with pytest.raises(ValueError, match=r"run\.part-1-of-2\.nc has another configuration than run\.part-0-of-2\.nc"):
        gn.open(tmp_path / "run.nc")


def test_a_renamed_part_is_named(pair, tmp_path):
    file = gn.save(pair[0], tmp_path / "run.nc")
    file.with_name("run.part-1-of-2.nc").write_bytes(file.read_bytes())
    with pytest.raises(ValueError, match=r"run\.part-1-of-2\.nc is not part 1 of 2"):
        gn.open(tmp_path / "run.nc")


def test_a_whole_result_does_not_hide_new_parts(pair, tmp_path):
    gn.save(tiny.standard(), tmp_path / "run.nc")
    with pytest.raises(ValueError, match="`path` must not be a whole result"):
        gn.save(pair[0], tmp_path / "run.nc")


@pytest.mark.parametrize("part", [3, (1,), (2, 2), "01"])
def test_bad_parts_are_refused(part):
    with pytest.raises(ValueError, match="`part` must be"):
        tiny.run(part=part)
