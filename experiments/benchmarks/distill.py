"""A ladder of networks that teach one another, beside the same ladder in PyTorch: seconds on the same cores.

    python experiments/benchmarks/distill.py                                          # print
    python experiments/benchmarks/distill.py --torch /path/to/python                  # whose PyTorch is taken
    python experiments/benchmarks/distill.py --cores 1                                # one core
    python experiments/benchmarks/distill.py --output-dir results/benchmarks/distill  # and write

Perceptrons of two hidden layers on 1000 digits, 256, 32 and 10 wide; by labels, by the teacher, by the full path: six
networks, 16 seeds each, from the same starts, with the same images in the same order, on the same cores. Both keep the
parent's logits of all patterns instead of computing them anew for every batch, as public codes do. PyTorch runs twice:
seed after seed, as is usual, and with all seeds in one batched product. Ours is timed with and without compiling (the
second call in one process). On a machine that does other work, too, compare processor seconds on one core: threads
that wait for others count as work. Test errors have to agree within their scatter; rounding alone lets trainings drift
apart.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from glassnet.core import keys
from glassnet.distill import gradient
from glassnet.distill.gradient.ladders import REPORTED
from glassnet.distill.gradient.training import ORDER, started
from glassnet.output import writable_folder, write_text
from glassnet.store.provenance import provenance
from glassnet.tasks.synthetic import stream

TORCH = Path(__file__).with_name("distill_torch.py")
WAYS = {"loop": "seed after seed", "stacked": "all seeds in one product"}


def ladder(seeds: int, epochs: int, patterns: int = 1000, widths: Sequence[int] = (256, 32, 10)) -> dict[str, Any]:
    """Arguments of the ladder."""
    return {
        "images": gradient.digits(),
        "machines": {f"w{w}": gradient.MLP((w, w)) for w in widths},
        "methods": ["none", "direct", "assisted"],
        "patterns": patterns,
        "validation": 500,
        "recipe": gradient.Recipe(epochs=epochs, batch=50, decay=1e-4),
        "seeds": seeds,
        "ages": 1,
    }


def written(path: Path, arguments: dict[str, Any]) -> None:
    """The same for PyTorch: images, starts, orders."""
    images, recipe, n = arguments["images"], arguments["recipe"], arguments["patterns"]
    seeds = keys.grid(0, REPORTED, range(arguments["seeds"]))
    splits = [images.split(stream(0, f"split {REPORTED} {s}"), n, arguments["validation"]) for s in range(len(seeds))]
    mean, scale = images.moments()
    arrays: dict[str, Any] = {
        "images": ((images.images / 255 - mean) / scale).astype(np.float32),
        "labels": images.labels,
        "rows": np.stack([split[0] for split in splits]),
        "orders": orders(seeds, recipe.epochs, n),
    }
    for name, network in arguments["machines"].items():
        state = started(network, recipe.optimizer, images.shape, images.classes, seeds)
        leaves = [np.asarray(layer[k]) for layer in state.weights for k in ("J", "b")]
        arrays |= {f"{name}_{k}": leaf for k, leaf in enumerate(leaves)}
    names = list(arguments["machines"])
    t, a, s = names
    paths = [
        (t, t, ""),
        (a, a, ""),
        (f"{t}-{a}", a, t),
        (s, s, ""),
        (f"{t}-{s}", s, t),
        (f"{t}-{a}-{s}", s, f"{t}-{a}"),
    ]
    settings = {
        "epochs": recipe.epochs, "batch": recipe.batch, "rate": recipe.rate, "momentum": recipe.momentum,
        "weight_decay": recipe.decay, "weight": recipe.weight, "tau": recipe.temperature, "arrays": len(leaves),
        "paths": paths, "pool": images.pool,
    }  # fmt: skip
    np.savez(path, settings=json.dumps(settings), **arrays)


def orders(seeds: Any, epochs: int, n: int) -> np.ndarray:
    """Orders of the patterns, (seed, epoch, pattern), as the training draws them."""
    one = [[jnp.argsort(keys.uniform(keys.address(key, ORDER, e), (n,))) for e in range(epochs)] for key in seeds]
    return np.array(one, np.int32)


def timed_here(arguments: dict[str, Any]) -> dict[str, Any]:
    """Seconds, by the clock and of the processor, of the first and of the second call, and test errors."""
    found: dict[str, Any] = {}
    for call in ("first", "second"):
        begun, spent = time.perf_counter(), time.process_time()
        ds = gradient.ladder(**arguments)
        found[call] = {"seconds": time.perf_counter() - begun, "processor": time.process_time() - spent}
    errors = {}
    for machine in ds["machine"].values:
        for method in ds["taught"].values:
            one = ds.sel(machine=machine, taught=method)
            if one["path"].item():
                errors[one["path"].item()] = one["test_error"].values.tolist()
    return found | {"errors": errors}


def timed_torch(python: str, case: Path, way: str) -> dict[str, Any] | None:
    """The same of PyTorch; None if that Python has none."""
    done = subprocess.run([python, str(TORCH), str(case), way], capture_output=True, text=True, check=False)
    if done.returncode and "No module named 'torch'" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def agreement(ours: dict[str, list[float]], theirs: dict[str, list[float]]) -> float:
    """Largest difference of mean test errors over networks, in standard errors of paired differences."""
    z = []
    for name, errors in ours.items():
        d = np.array(errors) - np.array(theirs[name])
        z.append(abs(d.mean()) / max(d.std(ddof=1) / len(d) ** 0.5, 1e-9) if d.any() else 0.0)
    return float(max(z))


def compared(arguments: dict[str, Any], python: str) -> dict[str, Any]:
    """Everything measured."""
    found: dict[str, Any] = {"glassnet": timed_here(arguments)}
    with tempfile.TemporaryDirectory() as folder:
        case = Path(folder) / "case.npz"
        written(case, arguments)
        for way in WAYS:
            one = timed_torch(python, case, way)
            if one is not None:
                found[way] = one | {"z": agreement(found["glassnet"]["errors"], one["errors"])}
    return found


def table(found: dict[str, Any]) -> str:
    """As a table."""
    rows = [
        ("glassnet, with compiling", found["glassnet"]["first"]),
        ("glassnet, compiled", found["glassnet"]["second"]),
    ]
    rows += [(f"PyTorch {found[way]['torch']}, {words}", found[way]) for way, words in WAYS.items() if way in found]
    lines = ["| program | seconds | over ours | processor seconds | over ours | largest z of test errors |"]
    lines.append("|---|---|---|---|---|---|")
    for words, one in rows:
        cells = [f"{one[k]:.1f} | {one[k] / found['glassnet']['first'][k]:.2f}" for k in ("seconds", "processor")]
        lines.append(f"| {words} | {' | '.join(cells)} | {format(one['z'], '.1f') if 'z' in one else ''} |")
    if len(found) == 1:
        lines.append("| PyTorch is not installed there | | | | | |")
    return "\n".join(lines) + "\n"


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", default=sys.executable, help="a Python that has PyTorch")
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--output-dir", type=Path)
    options = parser.parse_args(given)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])  # before JAX counts them
    found = compared(ladder(options.seeds, options.epochs), options.torch)
    print(table(found), end="")
    if options.output_dir is not None:
        folder = writable_folder(options.output_dir)
        about = {
            "seeds": options.seeds,
            "epochs": options.epochs,
            "cores": options.cores,
            "load": os.getloadavg(),
            **provenance(),
        }
        write_text(json.dumps(about | found, indent=1) + "\n", folder / "comparison.json")
        write_text(table(found), folder / "comparison.md")


if __name__ == "__main__":
    main()
