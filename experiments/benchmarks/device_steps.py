"""What `device.py` does on an accelerator. A step yields rows of JSON values, each as soon as it is known."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import card
import jax
import jax.extend.backend
import jax.numpy as jnp
import numpy as np

from glassnet.bench.cases import BETA, WEIGHT_STEP, uniform
from glassnet.bench.timing import cores, processor
from glassnet.core.schedule import Schedule
from glassnet.native import library
from glassnet.perceptron.machine import Machine
from glassnet.perceptron.potential import Counting, HardCore, Logistic, Probit, SoftCore
from glassnet.perceptron.state import Boundary, State, random_state
from glassnet.perceptron.sweeps import fused
from glassnet.perceptron.sweeps.catalogue import build
from glassnet.perceptron.sweeps.column_scan import Offers, column_scan
from glassnet.perceptron.sweeps.spins import spin_sweep
from glassnet.sampling.kernel import Drive, Kernel, advance
from glassnet.sampling.plan import ACCELERATOR, CPU, FUSED, Plan, plan_for
from glassnet.store.provenance import provenance, versions
from glassnet.theory.liquid import liquid_energy

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests"))
import reference as ref  # noqa: E402  exact sums, in NumPy

Row = dict[str, Any]
Rows = Iterator[Row]

NOISE = 4e-6
"""Rounding of a pre-activation, about: what a sweep may hang on is found by moving them by so much."""

MOST_DIFFERENT = 1e-2
"""Fraction of spins that may differ after one sweep of the same configuration, by ties: on a CPU two orders of the same
sums give 4e-5 at N = 64, 2e-3 at N = 256."""


class Check(NamedTuple):
    """A machine whose sweeps are compared."""

    machine: Machine
    patterns: int
    rule: str
    replicas: int


@dataclass(frozen=True)
class Sizes:
    """How much is done.

    Attributes:
        checks: machines whose sweeps are compared, by name.
        sweeps: sweeps that are compared.
        chains, patterns: of the exact sums.
        liquid: replicas, width, patterns and sweeps of the liquid.
        speeds: replicas, depth, width, patterns.
        profile: batches of layers, width, patterns.
        copied: numbers of the arrays with which the card is measured.
        run: depth, width, patterns and sweeps of the run that is killed.
        demo: sweeps of the demonstration, tried in turn as long as there is time; 2000 is all of it.
    """

    checks: dict[str, Check]
    sweeps: int
    chains: int
    patterns: int
    liquid: tuple[int, int, int, int]
    speeds: tuple[tuple[int, int, int, int], ...]
    profile: tuple[tuple[int, int, int], ...]
    copied: int
    run: tuple[int, int, int, int]
    demo: tuple[int, ...]


G = "gaussian"
RAGGED = {"inputs": 20, "outputs": 3}
FULL = Sizes(
    checks={
        "N=64 M=512 gaussian soft core": Check(Machine(4, 64, ensemble=G), 512, "metropolis", 4),
        "ragged ising counting": Check(
            Machine(3, 12, **RAGGED, ensemble="ising", potential=Counting(0.5)), 70, "heat_bath", 16
        ),
        "spherical hard core": Check(
            Machine(3, 16, ensemble="spherical", potential=HardCore(-0.6)), 40, "metropolis", 16
        ),
        "diluted ragged gaussian": Check(
            Machine(4, 16, **RAGGED, connectivity=3, ensemble=G), 60, "metropolis", 16
        ),
        "gaussian probit": Check(Machine(3, 10, ensemble=G, potential=Probit(0.7)), 33, "heat_bath", 16),
        "ragged spherical logistic": Check(
            Machine(3, 12, **RAGGED, ensemble="spherical", potential=Logistic(0.7)), 70, "metropolis", 16
        ),
        "N=256 M=512 gaussian": Check(Machine(3, 256, ensemble=G), 512, "metropolis", 2),
        "M=4096 spherical": Check(Machine(3, 20, ensemble="spherical"), 4096, "metropolis", 2),
    },
    sweeps=50,
    chains=8192,
    patterns=8,
    liquid=(256, 64, 16, 200),
    speeds=(
        (256, 4, 64, 512), (64, 4, 64, 512), (1024, 4, 64, 512), (16, 10, 16, 512), (1, 4, 256, 512), (1, 4, 64, 512),
        (1, 4, 64, 64), (1, 10, 256, 4096),
    ),
    profile=((1024, 64, 512), (4096, 64, 512), (256, 256, 512)),
    copied=2**28,
    run=(10, 20, 200, 1000),
    demo=(2, 20, 200, 2000),
)  # fmt: skip
TINY = Sizes(
    checks={
        "gaussian soft core": Check(Machine(2, 5, ensemble=G), 9, "metropolis", 2),
        "diluted ragged ising counting": Check(
            Machine(2, 5, inputs=7, connectivity=3, ensemble="ising", potential=Counting(0.5)), 9, "heat_bath", 2
        ),
    },
    sweeps=3,
    chains=400,
    patterns=2,
    liquid=(8, 8, 2, 20),
    speeds=((2, 2, 5, 9),),
    profile=((2, 5, 9),),
    copied=2**16,
    run=(2, 5, 9, 400),
    demo=(2,),
)


@dataclass(frozen=True)
class Setting:
    """Where and how much.

    Attributes:
        sizes: how much.
        end: time (`time.monotonic`) at which a step has to have said all.
        dry: on a CPU, with interpreted kernels.
    """

    sizes: Sizes
    end: float
    dry: bool = False

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.end - time.monotonic()

    @property
    def fused(self) -> Plan:
        """The plan with fused kernels."""
        return replace(FUSED["gpu"], interpret=True) if self.dry else plan_for(jax.default_backend())


# (a) What is there


def device(setting: Setting) -> Rows:
    """Versions, device, memory, and whether JAX has a compiler for fused kernels."""
    (first, *others), made = jax.local_devices(), provenance()
    yield {
        "platform": first.platform,
        "kind": first.device_kind,
        "devices": 1 + len(others),
        "memory_bytes": (first.memory_stats() or {}).get("bytes_limit"),
        "compute_capability": str(getattr(first, "compute_capability", None)),
        "backend": jax.extend.backend.get_backend().platform_version.split("\n")[-1],
        "versions": versions(),
        "git_commit": made["git_commit"],
        "sweeps": made["sweeps"],
        "fused": fused_status(setting),
        "processor": processor(),
        "cores": len(cores()),
        "nvidia_smi": said("nvidia-smi", "--query-gpu=name,driver_version,clocks.sm,clocks.max.sm", "--format=csv"),
    }


def fused_status(setting: Setting) -> str:
    """Whether there are fused kernels, in words."""
    chip = setting.fused.fused
    if chip is None:
        return "none for this platform"
    try:
        __import__(fused.CHIPS[chip])
    except ImportError as error:
        return f"none: {error}"
    return f"for {chip}" + (", interpreted" if setting.dry else "")


def said(*command: str) -> str | None:
    """What a command prints, None if it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip()


# (b) The same numbers


COMPILERS = 4
"""Programs that are compiled side by side."""


def correct(setting: Setting) -> Rows:
    """Fused kernels beside the scan on the CPU, spins beside exact sums, the energy of a liquid beside theory."""
    yield enumerated(setting)
    yield from compared(setting)
    yield liquid(setting)


def drive_of(boundary: Boundary, temperature: float, weight_step: float) -> Drive:
    beta = float("inf") if temperature == 0 else 1 / temperature
    return Drive(Schedule.quench(beta).path(), jnp.int32(0), {"weight_step": jnp.float32(weight_step)}, boundary)


def batch(machine: Machine, rule: str, plan: Plan, drive: Drive) -> Callable:
    """Compiled sweeps from `start` to `stop` of a batch of replicas."""
    loop = advance(build(rule, machine, plan), refresh=None)
    run = jax.vmap(loop, in_axes=(0, 0, None, None, None))
    return jax.jit(lambda key, states, start, stop: run(key, states, drive, start, stop)[0])


def compared(setting: Setting) -> Rows:
    """A row for each machine."""
    with ThreadPoolExecutor(COMPILERS) as pool:
        pending = [(name, check, pool.submit(prepared, setting, check)) for name, check in setting.sizes.checks.items()]
        for name, check, future in pending:
            try:
                yield {"check": name} | same_sweeps(setting, check, *future.result())
            except Exception as error:  # of the compiler or of the device: the others still count
                yield {"check": name, "error": in_short(error), "agrees": False}


def in_short(error: Exception) -> str:
    """An error in a line or two."""
    return f"{type(error).__name__}: {error}"[:500]


def prepared(setting: Setting, check: Check) -> tuple[Callable, Callable, Any, State, int]:
    """Sweeps by fused kernels and by the scan on the CPU, compiled; keys and states; kernels that the first calls."""
    machine, host = check.machine, jax.devices("cpu")[0]
    boundary = ref.boundary_of(*ref.problem(machine, check.patterns))
    drive = drive_of(boundary, 0.0 if machine.hard else 0.4, 0.5)
    key, states = ref.replica_keys(2, check.replicas), ref.random_states(machine, boundary, check.replicas)
    bounds = np.int32(0), np.int32(1)
    fast = batch(machine, check.rule, setting.fused, drive).lower(key, states, *bounds)
    there = jax.device_put((key, states), host)
    slow = batch(machine, check.rule, CPU, jax.device_put(drive, host)).lower(*there, *bounds)
    return fast.compile(), slow.compile(), key, states, kernels(fast)


def same_sweeps(setting: Setting, check: Check, fast: Callable, slow: Callable, key: Any, states: State, n: int) -> Row:
    """Each sweep by both, from the configuration that the scan on the CPU has reached.

    Where spins differ afterwards, the sweep is made once more by the scan with pre-activations moved by rounding: if
    that changes it too, it hung on a tie.
    """
    host, place = jax.devices("cpu")[0], jax.devices()[0]
    key_there, states = jax.device_put((key, states), host)
    begun = time.perf_counter()
    ties = wrong = identical = different = swept = 0
    farthest = 0.0
    while swept < setting.sizes.sweeps and wrong < ENOUGH:
        bounds = np.int32(swept), np.int32(swept + 1)
        found = jax.device_get(fast(key, jax.device_put(states, place), *bounds))
        right = slow(key_there, states, *bounds)
        host_right = jax.device_get(right)
        different += (found.spins != host_right.spins).sum()
        same = ~unlike(found, host_right)
        identical += same.sum()
        for r in np.flatnonzero(~same):
            tie = hangs_on_rounding(slow, key_there, states, host_right, int(r), bounds)
            ties, wrong = ties + tie, wrong + (not tie)
        for a, b in zip(found.weights, host_right.weights, strict=True):
            farthest = max(farthest, float(np.abs(a - b)[same].max(initial=0)))
        states, swept = right, swept + 1
    fraction = different / (swept * found.spins.size)
    return {
        "kernels": n,
        "replica_sweeps": swept * check.replicas,
        "identical": int(identical),
        "ties": int(ties),
        "wrong": int(wrong),
        "spins_that_differ": float(fraction),
        "weights_differ_by": farthest,
        "seconds": time.perf_counter() - begun,
        "agrees": bool(wrong == 0 and fraction <= MOST_DIFFERENT and identical > 0),
    }


ENOUGH = 5
"""Wrong sweeps after which no more are looked for."""

ROUNDING = {"weights": 1e-4, "fields": 1e-3}
"""By how much numbers may differ after one sweep without a decision that differs."""


def unlike(a: State, b: State) -> np.ndarray:
    """Which replicas differ by more than rounding."""
    found = (a.spins != b.spins).reshape(len(a.spins), -1).any(1)
    for name, most in ROUNDING.items():
        for x, y in zip(getattr(a, name), getattr(b, name), strict=True):
            found |= (~(np.abs(x - y) <= most)).reshape(len(x), -1).any(1)
    return found


def kernels(lowered: Any) -> int:
    """Fused kernels that a program calls: none where XLA scans or kernels are interpreted."""
    text = lowered.as_text()
    return text.count("__gpu$xla.gpu.triton") + text.count("triton_kernel_call") + text.count("tpu_custom_call")


def hangs_on_rounding(slow: Callable, key: Any, states: State, right: State, r: int, bounds: tuple) -> bool:
    """Whether a sweep of replica r comes out otherwise if its pre-activations move by rounding."""
    rng = np.random.default_rng(r)
    copies = len(states.spins)
    same_key = jnp.stack([key[r]] * copies)
    host = jax.devices("cpu")[0]

    def repeated(x: Any) -> np.ndarray:
        return np.repeat(np.asarray(x)[r : r + 1], copies, axis=0)

    for _ in range(-(-64 // copies)):
        moved = [f + NOISE * rng.standard_normal(f.shape, np.float32) for f in map(repeated, states.fields)]
        tried = State(repeated(states.spins), tuple(map(repeated, states.weights)), tuple(moved))
        found = slow(jax.device_put(same_key, host), jax.device_put(tried, host), *bounds)
        if unlike(jax.device_get(found), jax.tree.map(lambda x: np.repeat(x[r : r + 1], copies, axis=0), right)).any():
            return True
    return False


def enumerated(setting: Setting) -> Row:
    """Spins at frozen weights after many sweeps, counted, beside the sum over all configurations."""
    machine = Machine(3, 4, inputs=5, outputs=2, potential=SoftCore(margin=0.3))
    chains, patterns, beta = setting.sizes.chains, setting.sizes.patterns, 0.9
    inputs, outputs = ref.problem(machine, patterns, seed=3)
    boundary = ref.boundary_of(inputs, outputs)
    state = ref.state_at(ref.random_states(machine, boundary, 1, seed=1), 0)
    step = spin_sweep(machine, setting.fused, "metropolis")
    loop = advance(Kernel(lambda state, clamped: state, step, lambda state, clamped: jnp.float32(0)), refresh=None)
    run = jax.jit(jax.vmap(loop, in_axes=(0, 0, None, None, None)))
    states = ref.frozen(machine, state, boundary, chains)
    states, _ = run(
        ref.replica_keys(11, chains), states, drive_of(boundary, 1 / beta, 0.1), jnp.int32(0), jnp.int32(60)
    )
    J, scores = ref.matrices(machine, state), []
    for mu, ends in enumerate(zip(inputs, outputs, strict=True)):
        hidden, energies = ref.enumerate_spins(machine, J, *ends)
        numbers = ref.number_of(np.asarray(states.spins)[..., mu])
        counts = np.bincount(numbers, minlength=len(hidden))
        scores.append(ref.z_of_counts(counts, ref.boltzmann(energies.sum(-1), beta)))
    worst = max(scores)
    return {
        "check": "exact sums over spins",
        "replica_sweeps": 60 * chains,
        "z": worst,
        "agrees": worst < ref.THRESHOLD,
    }


FINITE_WIDTH = 0.03
"""By how much the energy of a liquid may miss that of infinite width, relative: few patterns for its width."""


def liquid(setting: Setting) -> Row:
    """Energy per gap at a low load, where overlaps are zero."""
    replicas, width, patterns, sweeps = setting.sizes.liquid
    machine, beta = Machine(3, width, ensemble="gaussian"), 1.0
    boundary = ref.boundary_of(*ref.problem(machine, patterns))
    run = batch(machine, "metropolis", setting.fused, drive_of(boundary, 1 / beta, 0.5))
    key, states = ref.replica_keys(5, replicas), ref.random_states(machine, boundary, replicas)
    states, means = run(key, states, jnp.int32(0), jnp.int32(sweeps)), []
    for t in range(sweeps, 2 * sweeps, max(1, sweeps // 20)):
        states = run(key, states, jnp.int32(t), jnp.int32(t + max(1, sweeps // 20)))
        layers = ref.all_layers(states, boundary)
        right = ref.layer_energies(machine, ref.matrices(machine, states), layers)
        means.append(right.sum(-1) / (machine.depth * width * patterns))
    energy, theory = np.mean(means, 0), liquid_energy(potential=machine.potential, beta=beta)
    mean, error = float(energy.mean()), float(energy.std(ddof=1) / np.sqrt(replicas))
    allowed = FINITE_WIDTH * theory + ref.THRESHOLD * error
    return {
        "check": "energy of a liquid",
        "replica_sweeps": 2 * sweeps * replicas,
        "energy": mean,
        "energy_error": error,
        "theory": theory,
        "agrees": abs(mean - theory) < allowed,
    }


# (c) How fast


def speed(setting: Setting) -> Rows:
    """A row for each size: all replicas in one call, by fused kernels and by the scan.

    Some are compiled side by side, and none is timed meanwhile.
    """
    plans = {"fused": setting.fused, "scan": ACCELERATOR}
    sizes = setting.sizes.speeds
    for first in range(0, len(sizes), COMPILERS):
        with ThreadPoolExecutor(COMPILERS) as pool:
            futures = {
                (size, name): pool.submit(compiled, size, plan)
                for size in sizes[first : first + COMPILERS]
                for name, plan in plans.items()
            }
        for size in sizes[first : first + COMPILERS]:
            case = uniform(*size)
            row: Row = {"case": case.name, "size": list(size), "site_updates": case.work[0], "couplings": case.work[1]}
            for name in plans:
                try:
                    run, number = futures.pop((size, name)).result()
                    seconds = sweep_seconds(size, run, 0.1 if setting.dry else 1.5)
                    held = getattr(run.memory_analysis(), "temp_size_in_bytes", None)
                    row[name] = rates(seconds, *case.work) | {"held_bytes": held, "kernels": number}
                except Exception as error:  # of the compiler, or of memory: the other sizes still count
                    row[name] = {"error": in_short(error)}
            if all("sweep_ms" in row[name] for name in plans):
                row["fused_over_scan"] = row["scan"]["sweep_ms"] / row["fused"]["sweep_ms"]
            yield row


def rates(seconds: float, sites: int, elements: int) -> Row:
    """A weight touches M couplings, a spin those to the neurons above it: as many as gaps, the element-updates."""
    return {
        "sweep_ms": 1e3 * seconds,
        "site_updates_per_s": sites / seconds,
        "element_updates_per_s": elements / seconds,
        "couplings_per_s": elements / seconds,
    }


def started(size: tuple[int, int, int, int]) -> tuple[Machine, Drive, Callable]:
    """A machine, what drives it, and a function that gives random replicas from their keys."""
    _, depth, width, patterns = size
    machine = Machine(depth, width, ensemble="gaussian")
    boundary = ref.boundary_of(*ref.problem(machine, patterns))
    return (
        machine,
        drive_of(boundary, 1 / BETA, WEIGHT_STEP),
        jax.vmap(lambda key: random_state(machine, key, boundary)),
    )


def compiled(size: tuple[int, int, int, int], plan: Plan) -> tuple[Any, int]:
    """Sweeps of all replicas in one call, with the state in place; and the kernels that they call."""
    machine, drive, start = started(size)
    loop = jax.vmap(advance(build("metropolis", machine, plan)), in_axes=(0, 0, None, None, None))

    def many(key: Any, states: State, first: Any, stop: Any) -> State:
        return loop(key, states, drive, first, stop)[0]

    key = ref.replica_keys(1, size[0])
    lowered = jax.jit(many, donate_argnums=1).lower(key, jax.eval_shape(start, key), np.int32(0), np.int32(1))
    return lowered.compile(), kernels(lowered)


def sweep_seconds(size: tuple[int, int, int, int], run: Callable, seconds: float) -> float:
    """Least seconds of a sweep of all replicas."""
    key = ref.replica_keys(1, size[0])
    states = jax.jit(started(size)[2])(key)
    best, now, count, end = float("inf"), 0, 1, time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < end:
        begun = time.perf_counter()
        states = jax.block_until_ready(run(key, states, np.int32(now), np.int32(now + count)))
        spent = (time.perf_counter() - begun) / count
        best, now = min(best, spent) if now else float("inf"), now + count  # the first call also loads the program
        count = int(np.clip(seconds / 8 / spent, 1, 500))
    return best


CORES = 2


def on_cores(setting: Setting) -> Rows:
    """The same on two cores of this machine, by native kernels if they can be had; few replicas stand for many."""
    built = "there" if library.available() else built_here(setting)
    env = os.environ | {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    chosen = ",".join(map(str, cores()[-CORES:]))
    for size in setting.sizes.speeds:
        few = (min(size[0], 16), *size[1:])
        command = [
            sys.executable,
            "-m",
            "glassnet.bench.cores",
            chosen,
            *map(str, few),
            "0.2" if setting.dry else "1.5",
        ]
        done = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True,
            timeout=max(1.0, setting.left),
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr[-1000:])
        seconds, had = json.loads(done.stdout)
        case = uniform(*few)
        yield {"case": uniform(*size).name, "replicas": few[0], "native": built, "cores_had": had} | rates(
            seconds, *case.work
        )


def built_here(setting: Setting) -> str:
    """Native kernels, compiled in place where there is a compiler; what came of it."""
    if setting.dry:
        return library.status()
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=max(1.0, setting.left / 2))
    except subprocess.TimeoutExpired:
        return "compiling them took too long"
    return "compiled here" if done.returncode == 0 else f"not compiled: {done.stderr[-300:]}"


# (d) A run that is killed

KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
sys.path.insert(0, sys.argv[2])
import device_steps
device_steps.begin(sys.argv[3], tuple(map(int, sys.argv[4].split(","))), killing=True)
"""


def begin(folder: str, size: tuple[int, ...], *, killing: bool = False) -> Any:
    """A run in a folder; with `killing`, this process kills itself halfway, once there is a checkpoint."""
    import glassnet as gn

    depth, width, patterns, sweeps = size
    machine = gn.Machine(depth, width, ensemble="gaussian")
    protocol = gn.Protocol(sweeps=sweeps, waiting_times=(sweeps // 4,), clones=2, samples=2)

    def report(status: Any) -> None:
        if killing and status.done > status.total // 2 and any((Path(folder) / "checkpoints").glob("*.npz")):
            os.kill(os.getpid(), signal.SIGKILL)

    task = gn.tasks.random(machine, patterns)
    return gn.simulate(machine, task, BETA, protocol=protocol, folder=folder, checkpoint_every=0.0, report=report)


def killed(setting: Setting) -> Rows:
    """A run in a folder is killed and gone on with; another one is not. Both have the same bits."""
    place = Path(tempfile.mkdtemp(prefix="glassnet-killed-"))
    size = setting.sizes.run
    here = Path(__file__).parent
    command = [sys.executable, "-c", KILLED, str(ROOT), str(here), str(place / "killed"), ",".join(map(str, size))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=max(1.0, setting.left))
        if done.returncode != -signal.SIGKILL:
            raise RuntimeError(f"The run was not killed, but ended with {done.returncode}. {done.stderr[-1000:]}")
        import glassnet as gn

        found, right = gn.resume(place / "killed"), begin(str(place / "whole"), size)
        names = sorted(map(str, right.variables))
        unlike = [name for name in names if found[name].values.tobytes() != right[name].values.tobytes()]
    finally:
        shutil.rmtree(place, ignore_errors=True)
    yield {
        "run": f"L={size[0]} N={size[1]} M={size[2]}, {size[3]} sweeps",
        "sweeps": right.attrs["sweeps"],
        "variables": len(names),
        "unlike": unlike,
        "agrees": not unlike and set(found.variables) == set(right.variables),
    }


# (e) The demonstration


def demonstration(setting: Setting) -> Rows:
    """The run of `make demo`, and the same machine under Metropolis, cut to as many sweeps as there is time for."""
    from glassnet.demo import CONFIG, headline, summary
    from glassnet.simulator import in_memory

    config = CONFIG
    if setting.dry:
        small = replace(CONFIG.machine, depth=2, width=5)
        config = replace(CONFIG, machine=small, task=replace(CONFIG.task, patterns=20))
    ends = {"metropolis": setting.left / 2, "feedforward": setting.left}
    start = time.monotonic()
    for dynamics, most in ends.items():
        seen: list[tuple[int, float]] = []  # sweeps and seconds of earlier ones
        for turn, sweeps in enumerate((setting.sizes.demo[0], *setting.sizes.demo)):
            whole = sweeps == CONFIG.protocol.sweeps
            protocol = CONFIG.protocol if whole else replace(CONFIG.protocol, sweeps=sweeps, waiting_times=(sweeps,))
            cut = replace(config, dynamics=dynamics, protocol=protocol)
            job = cut.job()
            total = protocol.last_host_sweep + protocol.sweeps
            if expected(seen, total) > most - (time.monotonic() - start):
                break
            begun = time.perf_counter()
            ds = in_memory(job, None).assign_attrs(run_config=cut.to_json(), run_config_hash=cut.config_hash)
            spent = time.perf_counter() - begun
            if turn == 0:
                continue  # it has compiled what the others run
            seen.append((total, spent))
            yield {
                "dynamics": dynamics,
                "sweeps": sweeps,
                "of": CONFIG.protocol.sweeps,
                "seconds": spent,
                "path": ds.attrs["sweeps"],
                "headline": headline(summary(ds)),
            }


def expected(seen: list[tuple[int, float]], sweeps: int) -> float:
    """Seconds that so many sweeps will take, from those that were seen: along a line through the last two."""
    if not seen:
        return 0.0
    (count, spent), (before, spent_before) = seen[-1], seen[-2] if len(seen) > 1 else (0, 0.0)
    return spent + max(0.0, spent - spent_before) / (count - before) * (sweeps - count)


# (f) What the kernel asks of the card


def profile(setting: Setting) -> Rows:
    """The card's limits, as known and as measured; then each kernel alone, and beside the scan of XLA."""
    kind = jax.devices()[0].device_kind
    known, measured = card.limits(kind), card.measured(setting.sizes.copied)
    yield {"card": kind, "known": known, "measured": measured, "fma_chain": card.CHAIN}
    for size in setting.sizes.profile:
        for sites in ("rows", "columns"):
            yield kernel_profile(setting, size, sites, known or measured)


def problem(size: tuple[int, int, int], sites: str) -> tuple[Any, ...]:
    """A batch of layers, and one sweep of offers."""
    layers, N, M = size
    parts = iter(jax.random.split(jax.random.key(0), 8))

    def normal(*shape: int) -> jax.Array:
        return jax.random.normal(next(parts), (layers, *shape), jnp.float32)

    def signs(*shape: int) -> jax.Array:
        return jnp.where(normal(*shape) > 0, 1.0, -1.0)

    own = N if sites == "rows" else M
    extra = None if sites == "rows" else normal(N, own)
    columns = signs(N, M) if sites == "rows" else -2 * signs(N, M)
    scale = 0.1 if sites == "rows" else N**-0.5
    offers = Offers((scale * normal(N, N),), (columns,), extra, jnp.abs(normal(N, own)) / BETA)
    return normal(N, M), signs(N, M), offers


def kernel_profile(setting: Setting, size: tuple[int, int, int], sites: str, limits: tuple[float, float]) -> Row:
    """Seconds of a kernel, of the layout around it, and of the scan; shares of the limits."""
    layers, N, M = size
    potential, plan = SoftCore(), setting.fused
    arguments = problem(size, sites)
    parts = {
        "fused": jax.jit(jax.vmap(partial(column_scan, potential=potential, sites=sites, plan=plan))),
        "scan": jax.jit(jax.vmap(partial(column_scan, potential=potential, sites=sites, plan=ACCELERATOR))),
    }
    repeats = 2 if setting.dry else 10
    seconds = {name: card.best_of(lambda run=run: run(*arguments), repeats) for name, run in parts.items()}
    row: Row = {"sites": sites, "layers": layers, "N": N, "M": M, "couplings": layers * N * N * M}
    row |= {f"{name}_ms": 1e3 * value for name, value in seconds.items()}
    row["fused_over_scan"] = seconds["scan"] / seconds["fused"]
    if plan.fused != "gpu":
        return row
    from glassnet.perceptron.sweeps import fused_gpu

    field, sign, offers = arguments
    limits_ = [x for x in (offers.threshold, offers.extra) if x is not None]
    columns = [x.astype(jnp.int8) for x in offers.columns]
    arrange = jax.jit(jax.vmap(partial(fused_gpu.arranged, sites=sites)))
    operands = jax.block_until_ready(arrange(field, sign, list(offers.rows), columns, limits_))
    call = partial(fused_gpu.call, shape=(N, M), potential=potential, sites=sites, interpret=plan.interpret)
    kernel = jax.jit(jax.vmap(call))
    alone = card.best_of(lambda: kernel(operands), repeats)
    asked = card.kernel_work(call, jax.tree.map(lambda x: x[0], operands))
    asked = type(asked)({name: layers * count for name, count in asked.items()})
    return row | {
        "kernel_ms": 1e3 * alone,
        "kernel_couplings_per_s": row["couplings"] / alone,
        "bytes": asked["bytes"],
        "float_operations": asked["float"],
        "integer_operations": asked["integer"],
        **card.shares(asked, alone, limits),
    }


STEPS: dict[str, Callable[[Setting], Rows]] = {
    "device": device,
    "correct": correct,
    "speed": speed,
    "profile": profile,
    "killed": killed,
    "demo": demonstration,
    "cores": on_cores,
}
"""By name, in the order in which they are made: what matters most comes first."""
