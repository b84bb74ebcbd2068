"""Molecular dynamics against exact limits: free particles, harmonic wells, walls, and plain reference trajectories."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dynamics import ALL, free, going, reference, spring, starts, z

import glassnet as gn
from glassnet.core import keys
from glassnet.sampling import langevin
from glassnet.sampling.langevin import Langevin

T = 1e-3
MANY = 20000


@pytest.mark.parametrize("dynamics", ALL, ids=str)
def test_a_trajectory_is_that_of_the_reference(dynamics):
    """Thirty steps of a particle that hits the walls, with the very noise of the kernel."""
    force, steps, T = (lambda x: np.cos(5 * x)), 30, 2.0
    rng = np.random.default_rng(0)
    x, v = rng.uniform(-1, 1, (4, 3)), 3 * rng.normal(size=(4, 3))

    def forces(x, clamped):
        return -(jnp.sin(5 * x) / 5).sum(), jnp.cos(5 * x)

    found = going(forces, dynamics, T, jnp.float32(x), steps, velocities=jnp.float32(v))
    for n in range(4):
        replica = keys.address(keys.root(0), n)
        xi = [np.asarray(langevin.noise(keys.address(replica, t), jnp.zeros(3))) for t in range(steps)]
        exact = reference(force, dynamics, T, np.float64(np.float32(x[n])), np.float64(np.float32(v[n])), xi)
        np.testing.assert_allclose(found.positions[n], exact[0], atol=2e-5)
        np.testing.assert_allclose(found.velocities[n], exact[1], atol=1e-4)
    assert (np.abs(x + 0.3 * v) > 1).any()  # walls were hit


def step_bias(time_step, integrator, steps):
    """Distance from the exact oscillation of a harmonic well after time 2, from velocities that fit the integrator."""
    stiffness, x0 = 4.0, 0.4
    exact = x0 * np.cos(np.sqrt(stiffness) * 2.0)
    before = x0 * np.sqrt(stiffness) * np.sin(np.sqrt(stiffness) * time_step / 2)  # half a step earlier
    v = jnp.full((1, 1), before if integrator == "leapfrog" else 0.0)
    found = going(spring(stiffness), Langevin(time_step, 0, integrator), T, jnp.full((1, 1), x0), steps, velocities=v)
    return abs(float(found.positions[0, 0]) - exact)


@pytest.mark.parametrize("integrator", langevin.INTEGRATORS)
def test_errors_are_of_second_order(integrator):
    coarse, fine = (step_bias(2.0 / n, integrator, n) for n in (20, 40))
    assert 3.5 < coarse / fine < 4.5
    assert coarse > 1e-4  # far above rounding


def test_energy_drifts_as_the_square_of_the_step():
    worst = []
    for n in (50, 100):
        drifts = [
            going(spring(9.0), Langevin(3.0 / n, 0), T, jnp.full((1, 1), 0.5), k, velocities=jnp.zeros((1, 1)))
            for k in range(n // 10, n + 1, n // 10)
        ]
        worst.append(max(abs(float(jax.vmap(langevin.drift)(state)[0])) for state in drifts))
    assert 3.5 < worst[0] / worst[1] < 4.5 and worst[0] > 1e-4


def test_baoab_has_exact_mean_squares_at_any_step():
    """Mean square velocity of BAOAB in a well is T (1 - h^2 k / 4), and mean square positions are exact at any step."""
    k, h = 1.0, 1.0
    found = going(spring(k), Langevin(h, 0.3), T, starts((MANY, 1), np.sqrt(T)), 40)
    assert abs(z(found.positions**2, T / k)) < 4.5
    assert abs(z(found.velocities**2, T * (1 - h**2 * k / 4))) < 4.5
    assert z(found.velocities**2, T) < -4.5


@pytest.mark.parametrize("integrator", langevin.INTEGRATORS)
@pytest.mark.parametrize("form", ["step", "rate"])
def test_harmonic_wells_have_the_temperature(integrator, form):
    friction = 0.05 if form == "step" else 2.5
    found = going(spring(1.0), Langevin(0.02, friction, integrator, form), T, starts((MANY, 1), np.sqrt(T)), 150)
    assert abs(z(found.positions**2, T)) < 4.5 and abs(z(found.velocities**2, T)) < 4.5


def test_noise_too_small_is_noticed(monkeypatch):
    right = langevin.friction_and_noise
    monkeypatch.setattr(langevin, "friction_and_noise", lambda *a: (right(*a)[0], right(*a)[1] / jnp.sqrt(2.0)))
    found = going(spring(1.0), Langevin(0.02, 0.05), T, starts((MANY, 1), np.sqrt(T)), 150)
    assert z(found.velocities**2, T) < -4.5 and z(found.positions**2, T) < -4.5


def test_velocities_in_a_well_forget_as_they_should():
    """<v(t) v(0)> = T e^(-g t/2) (cos w t - g/(2w) sin w t), w^2 = k - g^2/4, in equilibrium."""
    k, g, h, steps = 4.0, 1.0, 0.01, 100
    x, v = starts((MANY, 1), np.sqrt(T / k)), starts((MANY, 1), np.sqrt(T), seed=8)
    found = going(spring(k), Langevin(h, g, form="rate"), T, x, steps, velocities=v)
    t, w = steps * h, np.sqrt(k - g**2 / 4)
    exact = T * np.exp(-g * t / 2) * (np.cos(w * t) - g / (2 * w) * np.sin(w * t))
    assert abs(z(found.velocities * v, exact)) < 4.5
    assert abs(exact) > 10 * T / np.sqrt(MANY)  # a deviation would be seen


@pytest.mark.parametrize("integrator", langevin.INTEGRATORS)
def test_free_particles_diffuse_as_they_should(integrator):
    """<v_n v_0> = c^n T, and the mean square displacement is the sum of all such products."""
    h, eta, steps = 0.01, 0.05, 40
    v = starts((MANY, 1), np.sqrt(T), seed=9)
    found = going(free, Langevin(h, eta, integrator), T, starts((MANY, 1)), steps, velocities=v)
    c = 1 - eta
    lags = np.abs(np.subtract.outer(np.arange(steps + 1), np.arange(steps + 1)))
    correlation = T * c**lags
    weight = np.full(steps + 1, h)  # of the velocity after k steps in the way gone
    weight[0], weight[-1] = (h / 2, h / 2) if integrator == "baoab" else (0, h)
    assert abs(z(found.velocities * v, T * c**steps)) < 4.5
    assert abs(z(found.positions**2, weight @ correlation @ weight)) < 4.5


def test_walls_keep_energy_and_fill_the_box():
    """Fast free particles: each keeps its speed, and places stay uniform."""
    x, v = starts((MANY, 2), None), 5 * starts((MANY, 2), 1.0, seed=3)
    found = going(free, Langevin(0.3, 0), T, x, 50, velocities=v)
    np.testing.assert_array_equal(np.abs(found.velocities), np.abs(v))
    assert (np.abs(found.positions) <= 1).all()
    assert abs(z(found.positions**2, 1 / 3)) < 4.5 and abs(z(found.positions, 0)) < 4.5
    assert (np.asarray(found.velocities) != np.asarray(v)).mean() > 0.3


def test_equipartition_between_walls():
    """Hot particles on a slope: <v^2> = T, and places follow exp(-x/T)."""
    hot = 2.0

    def slope(x, clamped):
        return x.sum(), -jnp.ones_like(x)

    found = going(slope, Langevin(0.05, 0.2), hot, starts((MANY, 1), None), 100)
    grid = np.linspace(-1, 1, 20001)
    weight = np.exp(-grid / hot)
    assert abs(z(found.velocities**2, hot)) < 4.5
    assert abs(z(found.positions, (grid * weight).sum() / weight.sum())) < 4.5


def test_a_wall_that_loses_momentum_is_noticed(monkeypatch):
    right = langevin.drifted

    def soft(x, v, time):
        new, turned = right(x, v, time)
        return new, jnp.where(jnp.sign(turned) != jnp.sign(v), turned / 2, turned)

    monkeypatch.setattr(langevin, "drifted", soft)
    found = going(free, Langevin(0.05, 0.05), 2.0, starts((MANY, 1), None), 100)
    assert z(found.velocities**2, 2.0) < -4.5


def test_the_printed_equation_is_far_too_cold():
    """Friction and noise inside the force times h: the temperature is about T h, not T."""
    h = 0.02
    cold = going(free, Langevin(h, 5.0, "leapfrog", "printed"), T, starts((2000, 1)), 1000)
    ratio = float((cold.velocities**2).mean()) / T
    assert h / 2 < ratio < 2 * h
    right = going(free, Langevin(h, 5.0, "leapfrog", "rate"), T, starts((2000, 1)), 1000)
    assert abs(z(right.velocities**2, T)) < 4.5


def test_friction_one_at_zero_temperature_is_gradient_descent():
    x = starts((3, 4), 0.3)
    found = going(spring(2.0), Langevin(0.1, 1.0, "leapfrog"), 0.0, x, 5)
    np.testing.assert_allclose(found.positions, x * (1 - 0.1**2 * 2.0) ** 5, rtol=1e-5)


def test_energy_received_is_accounted_for():
    """With noise, what the thermostat gives is known: the rest drifts no more than without it."""
    found = going(spring(1.0), Langevin(0.01, 0.05), T, starts((200, 5), np.sqrt(T)), 400)
    gained = np.asarray(found.received[:, 0])
    drift = np.asarray(jax.vmap(langevin.drift)(found))
    assert np.abs(drift).max() < 1e-3 * np.abs(gained).max()


BAD = [
    ({"time_step": 0}, "`time_step` must be a positive finite number, but is 0"),
    ({"time_step": 2.0}, "`time_step` must be at most 1, half the box, but is 2.0"),
    ({"time_step": np.nan}, "`time_step` must be a positive finite number, but is nan"),
    ({"friction": -0.1}, "`friction` must be at least 0, but is -0.1"),
    ({"friction": 1.5}, "`friction` must be at most 1, the fraction of a velocity .*, but is 1.5"),
    ({"friction": "1"}, "`friction` must be a finite number, but is '1'"),
    (
        {"friction": 101.0, "integrator": "leapfrog", "form": "printed"},
        "`friction` must be at most 1 / time_step = 100",
    ),
    ({"form": "printed"}, "`form` must be 'step' or 'rate' with the integrator 'baoab', but is 'printed'"),
    ({"integrator": "euler"}, "`integrator` must be one of 'baoab', 'leapfrog', but is 'euler'"),
    ({"form": "other"}, "`form` must be one of 'step', 'rate', 'printed', but is 'other'"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_steps_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"^Argument {message}"):
        gn.Langevin(**arguments)


def test_equal_dynamics_are_equal():
    assert Langevin(np.float64(0.01), np.float32(0)) == Langevin(0.01, 0) and hash(Langevin()) == hash(Langevin(0.01))
    assert str(Langevin()) == "Langevin BAOAB" and str(Langevin(friction=0)) == "Newtonian Verlet"
