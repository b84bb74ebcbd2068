"""The ladder of distill.py in PyTorch, from the same starts, data and orders; run by distill.py, needs torch alone.

    python experiments/benchmarks/distill_torch.py case.npz loop       # seed after seed
    python experiments/benchmarks/distill_torch.py case.npz stacked    # all seeds in one batched product

Prints one line of JSON: seconds by the clock and of the processor, and test errors by network and seed.
"""

import json
import math
import os
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax, relu, softmax


def forward(weights: list[Tensor], x: Tensor) -> Tensor:
    """Logits; weights and images of one seed, or of all along a first axis."""
    for n in range(0, len(weights), 2):
        x = torch.matmul(relu(x) if n else x, weights[n]) + weights[n + 1].unsqueeze(-2)
    return x


def loss(logits: Tensor, y: Tensor, parent: Tensor | None, weight: float, tau: float) -> Tensor:
    """(1 - lambda) H + lambda tau^2 KL, mean over patterns, sum over classes."""
    own = cross_entropy(logits, y)
    if parent is None:
        return own
    taught = kl_div(log_softmax(logits / tau, -1), softmax(parent / tau, -1), reduction="batchmean")
    return (1 - weight) * own + weight * tau**2 * taught


def descend(weights: list[Tensor], case: dict, steps: Callable[[int], list], settings: dict) -> None:
    """Train in place: SGD with Nesterov momentum, a cosine schedule."""
    keys = ("momentum", "weight_decay")
    sgd = torch.optim.SGD(weights, lr=settings["rate"], nesterov=True, **{k: settings[k] for k in keys})
    for epoch in range(settings["epochs"]):
        for group in sgd.param_groups:
            group["lr"] = settings["rate"] * 0.5 * (1 + math.cos(math.pi * epoch / settings["epochs"]))
        for x, y, parent in steps(epoch):
            sgd.zero_grad()
            logits = forward(weights, x)
            if logits.ndim == 3:  # means over seeds, of which each has slopes of its own
                flat = None if parent is None else parent.flatten(0, 1)
                value = len(x) * loss(logits.flatten(0, 1), y.flatten(), flat, settings["weight"], settings["tau"])
            else:
                value = loss(logits, y, parent, settings["weight"], settings["tau"])
            value.backward()
            sgd.step()


def batches(order: Tensor, batch: int) -> list[Tensor]:
    """Parts of an order along its last axis, full ones."""
    return [order[..., k : k + batch] for k in range(0, order.shape[-1] - batch + 1, batch)]


def trained(case: dict, settings: dict, name: str, parent: Tensor | None, *, stacked: bool) -> list[Tensor]:
    """Weights of all seeds of a network, along a first axis."""
    images, labels, rows, orders = (case[k] for k in ("images", "labels", "rows", "orders"))
    start = [case[f"{name}_{n}"] for n in range(settings["arrays"])]
    if stacked:
        weights = [w.clone().requires_grad_() for w in start]
        pick = torch.arange(len(rows))[:, None]

        def all_steps(epoch: int) -> list:
            parts = batches(orders[:, epoch], settings["batch"])
            places = [(now, rows.gather(1, now)) for now in parts]
            return [(images[r], labels[r], None if parent is None else parent[pick, now]) for now, r in places]

        descend(weights, case, all_steps, settings)
        return [w.detach() for w in weights]
    found = []
    for seed in range(len(rows)):
        weights = [w[seed].clone().requires_grad_() for w in start]

        def steps(epoch: int, seed: int = seed) -> list:
            parts = batches(orders[seed, epoch], settings["batch"])
            mine = None if parent is None else parent[seed]
            return [(images[rows[seed][b]], labels[rows[seed][b]], None if mine is None else mine[b]) for b in parts]

        descend(weights, case, steps, settings)
        found.append([w.detach() for w in weights])
    return [torch.stack(x) for x in zip(*found, strict=True)]


def main(path: str, way: str) -> None:
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    with np.load(path) as file:
        settings = json.loads(str(file["settings"]))
        case = {k: torch.from_numpy(file[k]) for k in file.files if k != "settings"}
    for name in ("labels", "rows", "orders"):
        case[name] = case[name].long()
    begun, spent, errors, said = time.perf_counter(), time.process_time(), {}, {}
    tests = len(case["images"]) - settings["pool"]
    with torch.no_grad():
        test_images, test_labels = case["images"][-tests:], case["labels"][-tests:]
    for path_name, machine, parent in settings["paths"]:
        weights = trained(case, settings, machine, said.get(parent), stacked=way == "stacked")
        with torch.no_grad():
            said[path_name] = forward(weights, case["images"][case["rows"]])
            wrong = forward(weights, test_images[None]).argmax(-1) != test_labels[None]
        errors[path_name] = wrong.double().mean(1).tolist()
    found = {"seconds": time.perf_counter() - begun, "processor": time.process_time() - spent}
    print(json.dumps(found | {"errors": errors, "torch": torch.__version__}))


if __name__ == "__main__":
    main(*sys.argv[1:])
