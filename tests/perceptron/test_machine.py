import json
from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np
import pytest

import glassnet as gn
from glassnet.core.check import frozen_value
from glassnet.core.codec import difference
from glassnet.core.former import FormerName
from glassnet.perceptron.describe import described, machine_from
from glassnet.perceptron.machine import Machine, Stack
from glassnet.perceptron.potential import KNOWN, Counting, HardCore, SoftCore, _compare
from glassnet.perceptron.system import Perceptron
from glassnet.simulator import prepared
from glassnet.store.provenance import sweep_path


def test_widths_and_stacks():
    machine = Machine(5, 10, inputs=17, outputs=3)
    assert machine.widths == (17, 10, 10, 10, 10, 3)
    assert machine.connections == (17, 10, 10, 10, 10)
    shapes = [(s.first, s.last, s.fan_out, s.fan_in) for s in machine.stacks]
    assert shapes == [(1, 1, 10, 17), (2, 4, 10, 10), (5, 5, 3, 10)]
    assert [machine.stack_of(l) for l in range(1, 6)] == [0, 1, 1, 1, 2]
    assert len(Machine(6, 4).stacks) == 1
    assert len(Machine(1, 4, inputs=3, outputs=2).stacks) == 1
    assert machine.alpha_scale == 10
    assert Machine(3, 10, connectivity=4).alpha_scale == 4


@pytest.mark.parametrize("c", [1, 2, 3, 6, 10, 20, 100, 784, 1000])
def test_multiples_of_the_scale_are_exact_for_ising_weights(c):
    scale = Stack(1, 1, c, c, c, integral=True).scale
    assert abs(scale * np.sqrt(c) - 1) <= c * 2.0**-23
    multiples = np.arange(-c, c + 1) * scale
    np.testing.assert_array_equal(multiples.astype(np.float32).astype(float), multiples)
    assert Stack(1, 1, c, c, c).scale == 1 / np.sqrt(c)


def test_shared_architecture():
    machine = Machine(3, 8, connectivity=3)
    assert machine.shares_architecture(Machine(3, 8, connectivity=3, ensemble="ising", potential=Counting()))
    assert not machine.shares_architecture(Machine(3, 8, connectivity=3, graph_seed=1))
    assert not machine.shares_architecture(Machine(3, 8, connectivity=4))
    assert not machine.shares_architecture(Machine(4, 8, connectivity=3))
    assert Machine(3, 8).shares_architecture(Machine(3, 8, graph_seed=1))


@pytest.mark.parametrize(("arguments", "message"), [
    ({"depth": 0}, "`depth` must be an integer of at least 1, but is 0"),
    ({"depth": 2.0}, "`depth` must be an integer of at least 1, but is 2.0"),
    ({"width": 0}, "`width` must be an integer of at least 1, but is 0"),
    ({"inputs": 0}, "`inputs` must be an integer of at least 1, but is 0"),
    ({"outputs": -2}, "`outputs` must be an integer of at least 1, but is -2"),
    ({"connectivity": 0}, "`connectivity` must be an integer of at least 1, but is 0"),
    ({"connectivity": 7}, "`connectivity` must be at most .* has 6.*, but is 7"),
    ({"connectivity": 5, "inputs": 4}, "`connectivity` must be at most .* has 4.*, but is 5"),
    ({"ensemble": "binary"}, "`ensemble` must be one of .*, but is 'binary'"),
    ({"width": 1}, "`ensemble` must not be 'spherical' .*, but is 'spherical'"),
    ({"connectivity": 1}, "`ensemble` must not be 'spherical' .*, but is 'spherical'"),
    ({"potential": "soft"}, "`potential` must be a frozen dataclass with margin, cost, energy, but is 'soft'"),
    ({"graph_seed": -1}, "`graph_seed` must be an integer of at least 0, but is -1"),
])  # fmt: skip
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match="Argument " + message):
        Machine(**{"depth": 3, "width": 6, **arguments})


@pytest.mark.parametrize(("make", "message"), [
    (lambda: SoftCore(power=0), "`power` must be a positive finite number, but is 0"),
    (lambda: SoftCore(strength=-1), "`strength` must be a positive finite number, but is -1"),
    (lambda: SoftCore(margin=np.inf), "`margin` must be a finite number, but is inf"),
    (lambda: HardCore(margin=np.nan), "`margin` must be a finite number, but is nan"),
    (lambda: Counting(strength=np.inf), "`strength` must be a positive finite number, but is inf"),
    (lambda: Counting(margin="0"), "`margin` must be a finite number, but is '0'"),
])  # fmt: skip
def test_bad_potential_is_named(make, message):
    with pytest.raises(ValueError, match="Argument " + message):
        make()


def test_former_names_work_with_a_warning():
    with pytest.warns(FormerName, match="`weights` is now called `ensemble`"):
        machine = Machine(2, 4, weights="ising")
    assert machine == Machine(2, 4, ensemble="ising")
    with pytest.warns(DeprecationWarning, match=r"Machine.ensemble"):
        assert machine.weights == "ising"
    with pytest.warns(FormerName, match=r"Machine.connections"):
        assert machine.fan_in == (4, 4)
    with pytest.warns(FormerName):
        assert replace(machine, weights="gaussian").ensemble == "gaussian"


def test_descriptions_of_earlier_versions_are_read():
    machine = Machine(2, 4, ensemble="ising")
    description = described(machine)
    assert "weights" not in description and description["ensemble"] == "ising"
    former = {("weights" if key == "ensemble" else key): value for key, value in description.items()}
    assert machine_from(former) == machine == machine_from(description)


@pytest.mark.parametrize("kind", KNOWN)
def test_potentials_of_the_package_pass_what_those_of_users_must(kind):
    @dataclass(frozen=True)
    class Shifted(kind):
        def energy(self, gap):
            return super().energy(gap) + 1

    frozen_value("potential", kind(), ("margin", "cost", "energy"))
    _compare(kind())
    with pytest.raises(ValueError, match="agree with `cost`"):
        _compare(Shifted())


def test_nested_tuples_come_back_from_json():
    nested = Levels(((0.0, (1.0, 2.0)), ("a", None)))
    machine = Machine(2, 4, potential=nested)
    assert machine_from(json.loads(json.dumps(described(machine)))) == machine
    flat_levels = Machine(2, 4, potential=Levels(((1, 2),)))
    assert difference(described(machine), json.loads(json.dumps(described(machine)))) == []
    assert difference(described(machine), described(flat_levels)) != []


@dataclass(frozen=True)
class Levels:
    levels: tuple = ()
    margin: float = 0.0

    def cost(self, gap):
        return jnp.maximum(-gap, 0)

    def energy(self, gap):
        return np.maximum(-gap, 0)


def test_what_carries_the_sweeps_out():
    own, usual = (Perceptron(Machine(2, 4, potential=v)) for v in (Levels(), SoftCore()))
    assert usual.fused and not own.fused and not own.native and not Perceptron(Machine(2, 4), "feedforward").fused
    assert sweep_path("gpu", fused=usual.fused).startswith("fused kernel")
    assert sweep_path("gpu", fused=own.fused) == "compiled scan over the whole batch (gpu)"


def test_numbers_that_single_precision_does_not_hold_are_refused():
    for size in (1e-39, 1e39):
        for make in (
            lambda x: gn.SoftCore(strength=x),
            lambda x: gn.SoftCore(power=x),
            lambda x: gn.SoftCore(margin=-x),
            lambda x: gn.HardCore(margin=x),
            lambda x: gn.Counting(strength=x),
            lambda x: gn.Counting(margin=x),
            lambda x: gn.Probit(width=x),
            lambda x: gn.Probit(margin=x),
            lambda x: gn.Logistic(width=x),
            lambda x: gn.Logistic(margin=x),
        ):
            with pytest.raises(ValueError, match="must be zero or between 1e-37 and 1e\\+37 in size"):
                make(size)


@pytest.mark.parametrize("potential", [gn.SoftCore(power=1000), gn.SoftCore(margin=1e16), gn.Probit(width=1e-20),
                                       gn.Logistic(width=1e-35)])  # fmt: skip
def test_costs_that_single_precision_does_not_hold_are_refused(potential):
    with pytest.raises(ValueError, match=r"`potential` must cost at most 1e\+30 at a gap of -"):
        gn.Machine(depth=2, width=6, potential=potential)


def test_minus_zero_is_no_other_machine():
    assert repr(gn.SoftCore(margin=-0.0)) == repr(gn.SoftCore(margin=0.0))


@pytest.mark.parametrize("step", [1e-39, 1e-8, 1e7, 1e39])
def test_moves_that_single_precision_cannot_carry_out_are_refused(step):
    machine = gn.Machine(depth=2, width=3)
    with pytest.raises(ValueError, match=r"`weight_step` must lie between 1e-06 and 1e\+06"):
        prepared(machine, gn.tasks.random(machine, 2), 1.0, weight_step=step)


def test_weights_of_a_start_that_single_precision_does_not_hold_are_refused():
    machine = gn.Machine(depth=2, width=3, ensemble="gaussian")
    huge = [np.full((3, 3), 1e39)] * 2
    task = gn.tasks.teacher_student(machine, 2, teacher=huge)
    with pytest.raises(ValueError, match=r"`start weights of layer 1` must be at most 1e\+06 in size"):
        prepared(machine, task, 1.0, start=(huge, task.teacher.spins))
    with pytest.raises(ValueError, match=r"`weights of layer 1 of the teacher` must be at most 1e\+06 in size"):
        prepared(machine, task, 1.0, start="planted")
