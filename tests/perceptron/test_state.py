import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference as ref

from glassnet.core import keys
from glassnet.perceptron import reference as en
from glassnet.perceptron.forward import forward
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import Counting, HardCore, SoftCore
from glassnet.perceptron.prior import prior_weights
from glassnet.perceptron.state import PIECE, on_prior, pack, random_state, refreshed, unpack

MACHINES = [
    Machine(4, 5),
    Machine(1, 5, inputs=4, outputs=3, ensemble="gaussian"),
    Machine(2, 5, inputs=4, outputs=3, ensemble="ising"),
    Machine(5, 6, inputs=9, outputs=3, connectivity=4, ensemble="gaussian"),
    Machine(3, 7, connectivity=3, ensemble="ising"),
]


def configuration(machine, patterns=6, seed=1):
    rng = np.random.default_rng(seed)
    return prior_weights(machine, rng), [ref.random_signs(rng, patterns, n) for n in machine.widths]


@pytest.mark.parametrize("machine", MACHINES)
def test_pack_and_unpack(machine):
    weights, spins = configuration(machine)
    boundary = ref.boundary_of(spins[0], spins[-1])
    state = pack(machine, weights, spins)
    back = unpack(machine, state, boundary)
    for old, new in zip([*weights, *spins], [*back[0], *back[1]], strict=True):
        np.testing.assert_array_equal(old, new)
        assert old.dtype == new.dtype
    assert state.spins.shape == (machine.depth - 1, machine.width, 6)
    for old, new in zip(weights, ref.matrices(machine, state), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("machine", MACHINES)
def test_preactivations(machine):
    weights, spins = configuration(machine)
    fields = [np.asarray(f) for f in pack(machine, weights, spins).fields]
    found = [layer for stack in fields for layer in stack]
    for l, field in enumerate(found, start=1):
        right = spins[l - 1].astype(float) @ weights[l - 1].T.astype(float) / np.sqrt(machine.connections[l - 1])
        np.testing.assert_allclose(field.T, right, atol=2e-6)


@pytest.mark.parametrize("machine", [Machine(3, 40, inputs=784, outputs=2), Machine(3, 40, connectivity=7)])
@pytest.mark.parametrize("patterns", [1, 409, 1000])
def test_preactivations_piece_by_piece(machine, patterns):
    """Also where pieces of the patterns overlap, since they do not divide them."""
    weights, spins = configuration(machine, patterns)
    assert PIECE // 784 < 409
    found = [np.asarray(layer) for stack in pack(machine, weights, spins).fields for layer in stack]
    for l, field in enumerate(found, start=1):
        right = spins[l - 1].astype(float) @ weights[l - 1].T.astype(float) / np.sqrt(machine.connections[l - 1])
        np.testing.assert_allclose(field.T, right, atol=1e-5)


@pytest.mark.parametrize("machine", MACHINES)
def test_forward_equals_the_reference(machine):
    weights, spins = configuration(machine)
    right = en.feed_forward(machine, [J.astype(float) for J in weights], spins[0])
    state = forward(machine, pack(machine, weights, spins).weights, jnp.asarray(spins[0].T))
    for hidden, S in zip(state.spins, right[1:-1], strict=True):
        np.testing.assert_array_equal(np.asarray(hidden).T, S)
    np.testing.assert_array_equal(np.where(state.fields[-1][-1].T >= 0, 1, -1), right[-1])
    assert state.spins.dtype == jnp.int8
    assert en.energy(machine, weights, right).sum() == 0  # every neuron agrees with its field


@pytest.mark.parametrize("machine", MACHINES)
def test_random_state_lies_on_the_prior(machine):
    _, spins = configuration(machine)
    boundary = ref.boundary_of(spins[0], spins[-1])
    state = jax.jit(lambda key: random_state(machine, key, boundary))(keys.root(2))
    for stack, J in zip(machine.stacks, state.weights, strict=True):
        assert J.shape == (len(stack.layers), stack.connectivity, stack.fan_out)
        if machine.ensemble == "spherical":
            np.testing.assert_allclose((J**2).sum(1), stack.connectivity, rtol=1e-6)
        if machine.ensemble == "ising":
            assert set(np.unique(J)) == {-1, 1}
    again = refreshed(machine, state, boundary)
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(again), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


def test_on_prior_restores_norms():
    machine = Machine(2, 5)
    weights = (jnp.asarray(np.random.default_rng(0).standard_normal((2, 5, 5)), jnp.float32),)
    np.testing.assert_allclose((on_prior(machine, weights)[0] ** 2).sum(1), 5, rtol=1e-6)


# Energy by hand


def one_gap(potential, field, sign=1):
    """Energy of a machine of one neuron with one weight `field` and input +1."""
    machine = Machine(1, 1, ensemble="gaussian", potential=potential)
    return en.energy(machine, [np.array([[field]])], [np.array([[1]]), np.array([[sign]])])[0]


@pytest.mark.parametrize(("potential", "field", "sign", "value"), [
    (SoftCore(), -1.5, 1, 2.25), (SoftCore(), 1.5, 1, 0), (SoftCore(), 1.5, -1, 2.25),
    (SoftCore(margin=0.5), 0.2, 1, 0.09), (SoftCore(margin=0.5), 0.6, 1, 0), (SoftCore(margin=-1), -0.5, 1, 0),
    (SoftCore(1, 3.0), -2.0, 1, 6), (SoftCore(3), -2.0, 1, 8), (SoftCore(0.5, 2.0), -4.0, 1, 4),
    (SoftCore(), 0.0, 1, 0),
    (HardCore(), -0.1, 1, np.inf), (HardCore(), 0.1, 1, 0), (HardCore(), 0.0, 1, 0),
    (HardCore(0.2), 0.1, 1, np.inf), (HardCore(-0.2), -0.1, 1, 0),
    (Counting(), -0.1, 1, 1), (Counting(2.5), -7.0, 1, 2.5), (Counting(), 0.0, 1, 0), (Counting(1, 0.3), 0.2, 1, 1),
])  # fmt: skip
def test_energy_by_hand(potential, field, sign, value):
    assert one_gap(potential, field, sign) == pytest.approx(value, rel=1e-12)
    gap = jnp.float32(sign * field - potential.margin)
    cost = float(potential.cost(gap))
    assert cost == pytest.approx(1.0 if np.isinf(value) else value, rel=1e-5, abs=1e-7)
    assert potential.cost(gap).dtype == jnp.float32


@pytest.mark.parametrize("machine", MACHINES)
def test_energy_equals_the_slow_reference(machine):
    weights, spins = configuration(machine)
    weights = [J.astype(float) for J in weights]
    found = en.energy(machine, weights, spins)
    assert found.shape == (machine.depth,)
    np.testing.assert_allclose(found, ref.layer_energies(machine, weights, spins), rtol=1e-12)


def test_energy_of_two_layers_by_hand():
    machine = Machine(2, 2, inputs=2, outputs=1, ensemble="gaussian", potential=SoftCore())
    J = [np.array([[1.0, 1.0], [1.0, -1.0]]), np.array([[1.0, 2.0]])]
    S = [np.array([[1, 1]]), np.array([[-1, 1]]), np.array([[-1]])]
    # fields sqrt(2), 0; gaps -sqrt(2), 0; then field (-1 + 2)/sqrt(2), gap -1/sqrt(2)
    np.testing.assert_allclose(en.energy(machine, J, S), [2.0, 0.5])
    assert [layer.tolist() for layer in en.feed_forward(machine, J, [[1, 1]])] == [[[1, 1]], [[1, 1]], [[1]]]


GOOD = configuration(Machine(2, 3, connectivity=2, ensemble="gaussian"), 2)


def broken(part, index, value):
    weights, spins = [list(x) for x in GOOD]
    (weights if part == "weights" else spins)[index] = value
    return weights, spins


@pytest.mark.parametrize("function", [en.energy, pack])
@pytest.mark.parametrize(("arguments", "message"), [
    ((GOOD[0][:1], GOOD[1]), "`weights` must hold one array for each of the 2 layers, but is 1"),
    ((GOOD[0], GOOD[1][:2]), "`spins` must hold one array for each of the 3 layers, but is 2"),
    (broken("weights", 1, np.ones((2, 3))), r"`weights\[1\]` must have shape \(3, 3\), but is \(2, 3\)"),
    (broken("weights", 0, np.full((3, 3), np.nan)), r"`weights\[0\]` must be finite, but is nan"),
    (broken("weights", 0, np.full((3, 3), 0.5)), r"`weights\[0\]` must be zero off the graph .*, but is 0.5"),
    (broken("spins", 1, np.zeros((2, 3))), r"`spins\[1\]` must hold \+1 and -1 only, but is 0"),
    (broken("spins", 2, np.ones((2, 4))), r"`spins\[2\]` must have shape \(pattern, 3\) .*, but is \(2, 4\)"),
    (broken("spins", 2, np.ones((5, 3))), r"`spins` must have one number of patterns, but is \[2, 5\]"),
    (broken("spins", 0, np.ones((0, 3))), r"`spins\[0\]` must have shape .* at least one pattern, but is \(0, 3\)"),
])  # fmt: skip
def test_bad_input_is_named(function, arguments, message):
    with pytest.raises(ValueError, match="Argument " + message):
        function(Machine(2, 3, connectivity=2, ensemble="gaussian"), *arguments)


def test_bad_inputs_of_feed_forward_are_named():
    with pytest.raises(ValueError, match=r"Argument `inputs` must hold \+1 and -1 only, but is 2"):
        en.feed_forward(Machine(2, 3, connectivity=2, ensemble="gaussian"), GOOD[0], [[1, 2, 1]])
