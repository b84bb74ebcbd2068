"""Whole runs of a tiny machine: labels, identities between variables, independence of how a run is carried out."""

import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from command import command

import glassnet as gn
from glassnet.perceptron.observe import overlaps
from glassnet.perceptron.observe.table import bound
from glassnet.perceptron.system import Perceptron
from glassnet.simulation import compiled, observed, parallel, phase
from glassnet.simulation.observed import named
from glassnet.simulation.parallel import Placement, gathered
from glassnet.simulation.phase import Phase
from glassnet.store.schema import COORDINATES, VARIABLES

OTHERS = {f"{of}{name}" for of in ("", "clone_") for name in ("acceptance_rows", "acceptance_collapsed", "guidance")}
"""Of moves that these runs do not make, and of targets that they have not."""

OF_TEACHER = {"teacher_overlap", "teacher_overlap_squared", "teacher_overlap_histogram"}


def test_every_variable_of_the_schema_is_there_with_its_dims_and_attributes():
    ds = tiny.standard()
    measured = {name for name in ds.data_vars if not name.startswith("configuration_")}
    assert measured == set(VARIABLES) - OTHERS
    for name in measured:
        variable = VARIABLES[name]
        assert ds[name].dims == variable.dims, name
        attributes = (variable.units, variable.long_name, variable.symbol, variable.source)
        assert tuple(ds[name].attrs[k] for k in ("units", "long_name", "symbol", "source")) == attributes
    assert {ds[name].attrs["units"] for name in ("lag", "time", "waiting_time")} == {"sweeps"}
    assert set(ds.dims) <= set(COORDINATES) | {d for v in ds.data_vars if v.startswith("conf") for d in ds[v].dims}


def test_provenance_is_in_the_attributes():
    ds = tiny.standard()
    config = json.loads(ds.attrs["config"])
    assert config["machine"]["depth"] == 3 and config["protocol"]["sweeps"] == 12
    assert config["schedules"][0]["betas"] == [5.0]
    assert ds.attrs["status"] == "complete"
    for name in ("config_hash", "seed", "versions", "device", "started", "finished", "git_commit", "run_seconds"):
        assert name in ds.attrs


def test_data_without_a_comparable_teacher_has_no_teacher_overlap():
    ds = tiny.run(task=gn.tasks.random(tiny.MACHINE, tiny.PATTERNS))
    assert set(VARIABLES) - set(ds.data_vars) == OF_TEACHER | OTHERS


def test_without_test_data_there_is_no_test_error(tmp_path):
    whole = tiny.task()
    task = gn.tasks.Task.from_arrays(whole.inputs, whole.outputs)
    ds = tiny.run(task=task, folder=tmp_path / "run")
    names = set(VARIABLES) - OF_TEACHER - OTHERS - {"test_error", "clone_test_error"}
    assert names <= set(ds.data_vars) and not {"test_error", "clone_test_error"} & set(ds.data_vars)
    np.testing.assert_array_equal(ds.train_error, tiny.standard().train_error)
    assert command("info", tmp_path / "run")[::2] == (0, "")
    assert command("report", tmp_path / "run", "--output", tmp_path / "run.html")[::2] == (0, "")
    assert gn.plot.overview(ds) is not None


def test_at_lag_zero_clones_are_their_host():
    ds = tiny.standard()
    start = ds.sel(lag=0)
    np.testing.assert_array_equal(start.spin_autocorrelation, 1)
    np.testing.assert_array_equal(start.spin_overlap, 1)
    np.testing.assert_array_equal(start.spin_overlap_squared, 1)
    np.testing.assert_allclose(start.weight_autocorrelation, 1, atol=1e-6)
    np.testing.assert_allclose(start.weight_autocorrelation_squared, 1, atol=1e-6)
    hosts = ds.energy.sel(time=ds.waiting_time).transpose("sample", "waiting_time", "layer")
    for clone in ds.clone:
        np.testing.assert_allclose(start.clone_energy.sel(clone=clone), hosts, rtol=1e-6)
    assert np.isnan(start.clone_acceptance_weights).all()


def test_the_clamped_layer_overlaps_with_itself_and_offers_no_flips():
    top = tiny.standard().sel(layer=3)
    names = ("spin_autocorrelation", "spin_overlap", "teacher_overlap", "final_spin_overlap")
    for name in (*names, "spin_autocorrelation_squared", "spin_overlap_squared", "final_spin_overlap_squared"):
        np.testing.assert_array_equal(top[name], 1)
    assert np.isnan(top.acceptance_spins).all()


def test_clones_part_from_each_other_and_from_their_host():
    end = tiny.standard().isel(lag=-1).sel(layer=[1, 2])
    assert (end.spin_overlap.sel(clone=0, clone_b=1) < 1).any()
    assert (end.spin_autocorrelation < 1).any()
    np.testing.assert_array_equal(end.spin_overlap, end.spin_overlap.transpose(*(
        {"clone": "clone_b", "clone_b": "clone"}.get(d, d) for d in end.spin_overlap.dims)))  # fmt: skip


def last(ds, n, w):
    """Everything that is measured at the last lag of configuration n of waiting time w."""
    sample, clone = int(ds.configuration_sample[n]), int(ds.configuration_clone[n])
    return ds.isel(lag=-1).sel(sample=sample, clone=clone, waiting_time=w)


@pytest.mark.parametrize("n", range(4))
def test_measurements_agree_with_the_configuration_they_were_taken_on(n):
    ds, w = tiny.standard(), 3
    weights, spins = gn.configuration(ds, waiting_time=w, configuration=n)
    measured = last(ds, n, w)
    per_gap = np.array(tiny.MACHINE.widths[1:]) * tiny.PATTERNS
    energy = gn.energy(tiny.MACHINE, [J.astype(float) for J in weights], spins) / per_gap
    np.testing.assert_allclose(measured.clone_energy, energy, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(spins[0], tiny.task().inputs)
    np.testing.assert_array_equal(spins[-1], tiny.task().outputs)
    for name, x, y in (
        ("clone_train_error", tiny.task().inputs, tiny.task().outputs),
        ("clone_test_error", tiny.task().test_inputs, tiny.task().test_outputs),
    ):
        error = (gn.feed_forward(tiny.MACHINE, weights, x)[-1] != y).mean()
        np.testing.assert_allclose(measured[name], error, rtol=1e-6)
    for J, c in zip(weights, tiny.MACHINE.connections, strict=True):
        np.testing.assert_allclose((J**2).sum(1), c, rtol=1e-5)


def test_final_overlaps_compare_all_configurations_across_samples():
    ds, w = tiny.standard(), 9
    kept = [gn.configuration(ds, waiting_time=w, configuration=n) for n in range(4)]
    for a in range(4):
        for b in range(4):
            (J, S), (K, T) = kept[a], kept[b]
            q = [(x * y).mean() for x, y in zip(S[1:], T[1:], strict=True)]
            Q = [(x * y).sum() / (len(x) * c) for x, y, c in zip(J, K, tiny.MACHINE.connections, strict=True)]
            place = {"waiting_time": w, "configuration": a, "configuration_b": b}
            np.testing.assert_allclose(ds.final_spin_overlap.sel(place), q, atol=1e-6)
            np.testing.assert_allclose(ds.final_weight_overlap.sel(place), Q, atol=1e-5)


def test_the_same_replica_gives_the_same_bits_whatever_runs_beside_it():
    few = tiny.standard()
    many = tiny.run(
        protocol=gn.Protocol(sweeps=12, waiting_times=(0, 2, 3, 9), clones=5, samples=7, points_per_decade=4)
    )
    same = many.sel({name: few[name] for name in ("sample", "clone", "clone_b", "waiting_time", "time")})
    for name in HOST_BITS + CLONE_BITS:
        np.testing.assert_array_equal(same[name], few[name], err_msg=name)
    for name in ("spin_overlap", "spin_overlap_connected", "weight_overlap"):  # sums over clones of the group
        np.testing.assert_allclose(same[name], few[name], atol=1e-6, err_msg=name)


HOST_BITS = ["energy", "violated", "train_error", "test_error"]
CLONE_BITS = [
    name
    for name, variable in VARIABLES.items()
    if variable.dims[:4] == ("sample", "clone", "waiting_time", "lag") and name not in OTHERS
]


def test_a_temperature_gives_the_same_bits_alone_and_on_a_ladder():
    ladder = tiny.run(beta=[0.5, 5.0, gn.Schedule.quench(30.0)])
    assert ladder.energy.dims == ("sample", "temperature", "time", "layer")
    assert ladder.final_spin_overlap.dims[0] == "temperature"
    np.testing.assert_allclose(ladder.temperature, [2, 0.2, 1 / 30])
    alone = tiny.standard()
    for name in ("energy", "clone_energy", "spin_overlap", "final_weight_overlap"):
        np.testing.assert_array_equal(ladder[name].isel(temperature=1), alone[name])
    mean = ladder.clone_energy.isel(lag=-1, waiting_time=-1).mean(("sample", "clone", "layer"))
    assert (np.diff(mean) < 0).all()


@pytest.mark.parametrize("longest", [1, 2, 5])
def test_blocks_of_any_size_give_the_same_bits(monkeypatch, longest):
    monkeypatch.setattr(phase, "LONGEST_BLOCK", longest)
    cut = tiny.run()
    for name in cut.data_vars:
        np.testing.assert_array_equal(cut[name], tiny.standard()[name], err_msg=name)


def programs_compiled(caplog):
    """Names of the functions that XLA compiled, as JAX logs them."""
    return [word for record in caplog.records for word in re.findall(r"Compiling jit\((\w+)\)", record.getMessage())]


def test_one_program_serves_all_runs_of_a_machine(caplog):
    for program in (compiled.advancing, compiled.measuring):
        program.cache_clear()
    with jax.log_compiles(True), caplog.at_level("WARNING"):
        tiny.run()
        assert sorted(n for n in programs_compiled(caplog) if n in ("run", "measure")) == ["measure", "measure", "run"]
        caplog.clear()
        other = gn.Protocol(sweeps=31, waiting_times=(5,), clones=3, samples=5, points_per_decade=7)
        tiny.run(beta=1.7, seed=4, protocol=other, weight_step=0.3, task=tiny.task(seed=8))
        assert not {"run", "measure", "random_state", "refreshed"} & set(programs_compiled(caplog))


@pytest.mark.slow  # all that follows in this process is compiled anew
def test_cleared_caches_hold_nothing_and_change_no_bits():
    before = tiny.run(seed=5)
    assert compiled.advancing.cache_info().currsize >= 1
    gn.clear_caches()
    for kept in (compiled.advancing, compiled.measuring, compiled.initialise, compiled.pairing, bound):
        assert kept.cache_info().currsize == 0 and kept.cache_info().maxsize is not None
    after = tiny.run(seed=5)
    for name in before.data_vars:
        assert after[name].values.tobytes() == before[name].values.tobytes(), name


def test_another_seed_gives_another_run():
    assert not np.array_equal(tiny.run(seed=1).clone_energy, tiny.standard().clone_energy)


def test_clones_follow_the_schedule_of_their_absolute_time():
    schedule = gn.Schedule.steps((0, 5), (0.0, 1e6))
    protocol = gn.Protocol(sweeps=6, waiting_times=(3,), clones=2, samples=2, points_per_decade=20)
    ds = tiny.run(beta=schedule, protocol=protocol)
    rate = ds.clone_acceptance_spins.isel(waiting_time=0).sel(layer=1)
    np.testing.assert_array_equal(rate.sel(lag=[1, 2]), 1)
    assert (rate.sel(lag=[3, 4]) < 1).all()


def test_a_planted_hard_core_never_violates_a_gap():
    machine = gn.Machine(3, 4, inputs=5, outputs=2, potential=gn.HardCore())
    task = gn.tasks.teacher_student(machine, tiny.PATTERNS)
    ds = gn.simulate(machine, task, protocol=tiny.PROTOCOL, start="planted")
    assert (ds.violated == 0).all() and (ds.clone_violated == 0).all() and (ds.clone_energy == 0).all()
    assert (ds.teacher_overlap.sel(waiting_time=0, lag=0) == 1).all()
    assert (ds.weight_autocorrelation.isel(lag=-1) < 0.9999).all()


def test_samples_may_have_data_of_their_own():
    tasks = [tiny.task(seed=s) for s in range(2)]
    ds = tiny.run(task=tasks)
    weights, spins = gn.configuration(ds, waiting_time=3, configuration=3)
    np.testing.assert_array_equal(spins[0], tasks[1].inputs)
    energy = gn.energy(tiny.MACHINE, weights, spins) / (np.array(tiny.MACHINE.widths[1:]) * tiny.PATTERNS)
    np.testing.assert_allclose(last(ds, 3, 3).clone_energy, energy, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ds.energy.sel(sample=0), tiny.standard().energy.sel(sample=0), rtol=1e-5)


def test_a_run_goes_on_from_a_given_configuration():
    first = tiny.standard()
    chosen = gn.configuration(first, waiting_time=9, configuration=2)
    ds = tiny.run(start=chosen)
    for sample in range(2):
        start = ds.energy.sel(time=0, sample=sample)
        np.testing.assert_allclose(start, last(first, 2, 9).clone_energy, rtol=1e-5, atol=1e-7)


def test_feedforward_neurons_are_slaved_and_greedy_never_gets_worse():
    ds = tiny.run(beta=np.inf, dynamics="feedforward")
    assert (ds.energy.sel(layer=[1, 2]) == 0).all()
    energy = ds.energy.sel(layer=3).diff("time")
    assert (energy <= 1e-7).all() and (energy < 0).any()
    weights, spins = gn.configuration(ds, waiting_time=0, configuration=0)
    slaved = gn.feed_forward(tiny.MACHINE, weights, spins[0])
    for S, T in zip(slaved[:-1], spins[:-1], strict=True):
        np.testing.assert_array_equal(S, T)
    assert np.isnan(ds.acceptance_spins).all()


def test_clones_do_not_write_into_what_they_are_views_of():
    """A compiled call may take aligned memory as it is, and what is donated to it may be overwritten."""
    memory = np.zeros(2**16 + 64, np.uint8)
    place = -memory.ctypes.data % 64
    host = memory[place : place + 2**16].view(np.float32).reshape(1, -1)
    batch = gathered(Placement("cpu", 1, native=True), [host], np.zeros(2, int), np.zeros(2, int))
    assert all(np.shares_memory(chunk, host) for chunk in batch.chunks)
    moved = [jax.jit(lambda x: x + 1, donate_argnums=0)(chunk) for chunk in batch.chunks]
    assert all((np.asarray(x) == 1).all() for x in moved) and (host == 0).all()


def test_progress_counts_every_replica_sweep():
    seen = []
    tiny.run(report=seen.append)
    hosts, clones = 2 * 9, 2 * 3 * 2 * 12
    assert seen[-1].done == seen[-1].total == hosts + clones
    assert [s.done for s in seen] == sorted(s.done for s in seen)
    assert {s.phase for s in seen} == {"hosts", "clones"}
    assert np.isfinite(seen[-1].energy) and 0 < seen[-1].acceptance < 1


def test_a_state_that_is_not_finite_is_named():
    job = tiny.job()
    clones = Phase.of_clones(job, parallel.placed(job.system, job.system.work(job.tasks)))
    bare = jax.tree.map(lambda x: np.zeros((12, *x.shape), x.dtype), job.outline())
    clones.check_finite(bare, 17)
    bare.fields[1][7, 0, 2] = np.nan
    message = "fields of layer 2 are not finite at sweep 17 of clones: sample 1, temperature 0, waiting_time 0, clone 1"
    with pytest.raises(FloatingPointError, match=message):
        clones.check_finite(bare, 17)


BAD = [
    ({"beta": None}, "`beta` must be given"),
    ({"beta": -1.0}, "`beta` must be a number of at least 0, but is -1.0"),
    ({"beta": float("nan")}, "`beta`.*nan"),
    ({"beta": "hot"}, "`beta`.*hot"),
    ({"beta": []}, r"`beta`.*\[\]"),
    ({"beta": [1.0, 1.0]}, "`beta` must hold different values"),
    ({"beta": [1.0, gn.Schedule.linear(1, 2, 5)]}, "`beta` must hold schedules of one kind"),
    ({"task": "digits"}, "`task` must be a Task.*digits"),
    ({"task": []}, r"`task` must hold at least one Task"),
    ({"task": [tiny.task()] * 3}, "`task` must be one task or one for each of 2 samples, but is 3"),
    ({"machine": gn.Machine(3, 4, inputs=6, outputs=2)}, "`machine.inputs` must be 5.*but is 6"),
    ({"dynamics": "glauber"}, "`dynamics` must be one of .*'metropolis'.*glauber"),
    ({"weight_step": 0.0}, "`weight_step`.*0.0"),
    ({"weight_step": float("inf")}, "`weight_step`.*inf"),
    ({"seed": -3}, "`seed`.*-3"),
    ({"start": "cold"}, "`start` must be one of 'random', 'planted', or the path of a run, but is 'cold'"),
    (
        {"start": "planted", "task": gn.tasks.random(tiny.MACHINE, 6)},
        "`start` must be .*no teacher, but is 'planted'",
    ),
    ({"start": ([np.zeros((4, 4))], [])}, "`weights` must hold one array for each of the 3 layers"),
    ({"start": None}, "`start` must be 'random', 'planted', a run, or a pair"),
    (
        {"start": ([np.ones((4, 5)), np.ones((4, 4)), np.ones((2, 4))], [np.ones((7, n)) for n in (5, 4, 4, 2)])},
        "6 patterns",
    ),
    (
        {"start": ([2 * np.ones((4, 5)), np.ones((4, 4)), np.ones((2, 4))], [np.ones((6, n)) for n in (5, 4, 4, 2)])},
        "rows with a sum of squares of 5, but is 20",
    ),
    ({"seed": 2**32 + 3}, r"`seed` must be below 2\*\*32, but is 4294967299"),
    ({"protocol": 100}, "`protocol` must be a Protocol"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_bad_input_is_refused_before_anything_is_compiled(monkeypatch, changes, message):
    def compiles(*arguments, **options):
        raise AssertionError("compiled")

    monkeypatch.setattr(jax, "jit", compiles)
    with pytest.raises(ValueError, match=message):
        tiny.run(**changes)


def test_a_hard_core_has_no_infinite_temperature():
    machine = gn.Machine(3, 4, inputs=5, outputs=2, potential=gn.HardCore())
    with pytest.raises(ValueError, match="`beta` must be positive for a hard core, but is 0"):
        gn.simulate(machine, tiny.task(), 0.0)


def test_numpy_numbers_are_as_good_as_python_numbers():
    times = np.array([0, 3, 9])
    protocol = gn.Protocol(np.int64(12), times, clones=np.int32(2), samples=2, points_per_decade=4)
    assert protocol == tiny.PROTOCOL and repr(protocol) == repr(tiny.PROTOCOL)
    machine = gn.Machine(np.int64(3), 4, inputs=np.int16(5), outputs=2, potential=gn.SoftCore(power=np.float32(2)))
    ds = tiny.run(machine=machine, protocol=protocol, beta=np.float64(5), seed=np.int64(0), weight_step=np.float64(0.1))
    assert ds.attrs["config_hash"] == tiny.standard().attrs["config_hash"]
    np.testing.assert_array_equal(ds.clone_energy, tiny.standard().clone_energy)


def test_a_planted_start_that_violates_a_hard_core_is_refused():
    machine = gn.Machine(3, 4, inputs=5, outputs=2, potential=gn.HardCore(margin=0.5))
    with pytest.raises(ValueError, match="`start` must not be 'planted' where the teacher violates the margin"):
        gn.simulate(machine, gn.tasks.teacher_student(machine, 6), start="planted")


def scene_with(machine, teacher):
    return Perceptron(machine).scene(gn.tasks.teacher_student(machine, 6, teacher=teacher))


def test_neurons_on_another_graph_are_not_compared():
    machine = gn.Machine(3, 6, connectivity=3)
    assert scene_with(machine, None).teacher is not None
    assert scene_with(machine, gn.Machine(3, 6, connectivity=3, graph_seed=1)).teacher is None
    assert scene_with(machine, gn.Machine(3, 6)).teacher is None


def test_nodes_are_matched_wherever_all_inputs_are_seen():
    rng = np.random.default_rng(0)
    teacher = rng.choice([-1, 1], (1, 6, 40)).astype(np.int8)
    halves = np.asarray(overlaps.neuron_overlaps(jnp.asarray(teacher), jnp.asarray(teacher[:, ::-1])))[None]
    for connectivity, expected in ((None, 1.0), (6, 1.0)):
        machine = gn.Machine(2, 6, connectivity=connectivity)
        table = Perceptron(machine).observables([gn.tasks.teacher_student(machine, 40)])
        found = named({"teacher_overlap": table["teacher_overlap"]}, [halves])["teacher_overlap"]
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("tasks", [[0], [0, 1]], ids=["shared data", "data of their own"])
def test_large_groups_are_compared_block_by_block_with_the_same_values(tasks, monkeypatch):
    def measured():
        protocol = gn.Protocol(sweeps=2, waiting_times=(1,), clones=3, samples=2)
        return tiny.run(task=[*map(tiny.task, tasks)] if len(tasks) > 1 else tiny.task(), protocol=protocol)

    joined = measured()
    one = sum(joined[f"configuration_{x}"].nbytes for x in ("spins", "weights_0", "weights_1", "weights_2")) / 6
    monkeypatch.setattr(observed, "BLOCK", 2 * one)
    found = measured()
    for name in joined.variables:
        np.testing.assert_allclose(found[name], joined[name], rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("tasks", [[0], [0, 1]], ids=["shared data", "data of their own"])
def test_large_configurations_are_compared_one_by_one_with_the_same_values(tasks, kept, monkeypatch):
    changes = {
        "task": [tiny.task(seed) for seed in tasks] if len(tasks) > 1 else tiny.task(),
        "keep_configurations": kept,
        "observables": ["spin_overlap_squared_matched", "teacher_overlap_by_neuron"],
    }
    joined = tiny.run(**changes)
    monkeypatch.setattr(observed, "LARGE_STATE", 1)
    found = tiny.run(**changes)
    assert set(found.variables) == set(joined.variables)
    for name in joined.variables:
        assert found[name].dims == joined[name].dims
        np.testing.assert_allclose(found[name], joined[name], rtol=1e-5, atol=1e-6, err_msg=name)
