"""Handwritten digits, or any labelled images, as boundary data."""

from bisect import bisect_right
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import numpy as np

from glassnet.core.check import fail, finite, integer
from glassnet.tasks.synthetic import stream
from glassnet.tasks.task import Task, fingerprint
from glassnet.thermal.machine import AnyMachine

LARGEST_DEFAULT_TEST = 400


def digits(
    machine: AnyMachine,
    patterns: int,
    *,
    classes: Iterable[int] = (0, 1),
    seed: int = 0,
    test_patterns: int | None = None,
    threshold: float = 0.5,
    images: np.ndarray | None = None,
    labels: np.ndarray | None = None,
) -> Task:
    """Images as +1/-1 inputs and their classes as +1/-1 outputs, as in [Huang et al. 2025].

    Without `images`, the data are 5000 digits of MNIST that come with the package, 500 of each class and no two
    alike, also after binarisation at 0.5 (see data/README.md). A pixel above threshold * 255 becomes +1, else -1.
    With as many outputs as classes, the output of the pattern's class is +1 and all others -1; with one output and
    two classes, the first class is +1 and the second -1.

    Training and test patterns are different images, drawn and put in order at random, and each set holds its
    classes in equal numbers as nearly as possible; the first of `classes` take what does not divide. Neither set
    depends on the size of the other, as long as no class runs out of images.

    Args:
        machine: the machine to be trained; it must have 784 inputs for the digits.
        patterns: number M >= 1 of training patterns.
        classes: labels to be told apart, at least two.
        seed: seed >= 0 of the selection and of its order.
        test_patterns: number of test patterns; 400, or what is left if that is less, if None.
        threshold: grey level that separates +1 from -1, in [0, 1].
        images: images of one's own, uint8, shape (image, pixel) or (image, height, width). Identical images are
            not looked for.
        labels: their classes, integers, shape (image,).
    Returns:
        The task, with `labels` and `test_labels`.
    Raises:
        ValueError: if widths do not fit, a number is out of range, a class is unknown or repeated, or there are
            too few images.
    """
    integer(1, patterns=patterns)
    integer(0, seed=seed)
    finite(threshold=threshold)
    if not 0 <= threshold <= 1:
        raise fail("threshold", "lie in [0, 1]", threshold)
    pixels, label = _checked_images(images, labels)
    if machine.widths[0] != pixels.shape[1]:
        raise fail("machine.inputs", f"be {pixels.shape[1]}, the pixels of an image", machine.widths[0])
    chosen = _checked_classes(classes, label)
    _check_outputs(machine, len(chosen))
    rows, test_rows = _selected(label, chosen, patterns, test_patterns, seed)
    inputs = np.where(pixels > threshold * 255, 1, -1).astype(np.int8)
    parameters = {
        "builder": "digits",
        "patterns": patterns,
        "classes": chosen,
        "seed": seed,
        "test_patterns": len(test_rows),
        "threshold": threshold,
        "data": "mnist5k" if images is None else {"sha256": fingerprint(pixels, label)},
    }
    return Task(
        "digits",
        inputs=inputs[rows],
        outputs=_coded(label[rows], chosen, machine.widths[-1]),
        test_inputs=inputs[test_rows],
        test_outputs=_coded(label[test_rows], chosen, machine.widths[-1]),
        parameters=parameters,
        labels=label[rows],
        test_labels=label[test_rows],
    )


@cache
def archive() -> tuple[np.ndarray, np.ndarray]:
    """The digits of the package: read-only images (5000, 784), uint8, and labels (5000,), uint8."""
    with files("glassnet.tasks").joinpath("data/mnist5k.npz").open("rb") as file, np.load(file) as data:
        images, labels = data["images"], data["labels"]
    images.setflags(write=False)
    labels.setflags(write=False)
    return images, labels


def _checked_images(images: np.ndarray | None, labels: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Images as (image, pixel) and their labels."""
    if images is None and labels is None:
        return archive()
    if images is None or labels is None:
        missing, given = ("images", "labels") if images is None else ("labels", "images")
        raise fail(missing, f"be given together with `{given}`", None)
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim not in (2, 3) or images.size == 0:
        raise fail("images", "have shape (image, pixel) or (image, height, width), none of them 0", images.shape)
    if images.dtype != np.uint8:
        raise fail("images", "be uint8 grey levels, 0 to 255", str(images.dtype))
    if labels.shape != images.shape[:1]:
        raise fail("labels", f"have shape {images.shape[:1]}, one label an image", labels.shape)
    if not np.issubdtype(labels.dtype, np.integer):
        raise fail("labels", "hold integers", str(labels.dtype))
    return images.reshape(len(images), -1), labels


def _checked_classes(classes: Iterable[int], labels: np.ndarray) -> list[int]:
    if not isinstance(classes, Iterable):
        raise fail("classes", "be a sequence of at least two labels", classes)
    chosen, known = list(classes), np.unique(labels).tolist()
    if len(chosen) < 2:
        raise fail("classes", "hold at least two labels", tuple(chosen))
    for label in chosen:
        if label not in known:
            raise fail("classes", f"hold labels of the data only ({', '.join(map(str, known))})", label)
        if chosen.count(label) > 1:
            raise fail("classes", "not repeat a label", label)
    return [int(label) for label in chosen]


def _check_outputs(machine: AnyMachine, classes: int) -> None:
    allowed = (1, 2) if classes == 2 else (classes,)
    if machine.widths[-1] not in allowed:
        requirement = f"be {' or '.join(map(str, allowed))} for {classes} classes"
        raise fail("machine.outputs", requirement, machine.widths[-1])


def _selected(
    labels: np.ndarray, classes: list[int], patterns: int, test_patterns: int | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the training and of the test images, in random order.

    The images of each class are put in a random order; training takes them from its start, the test from its end.
    """
    orders = [stream(seed, f"class {label}").permutation(np.flatnonzero(labels == label)) for label in classes]
    available = np.array([len(order) for order in orders])
    total = int(available.sum())
    there = f"there are {total} images of classes {tuple(classes)}"
    if patterns >= total:
        raise fail("patterns", f"be at most {total - 1} ({there}, and one at least is for the test)", patterns)
    counts, left = balanced(patterns, available), total - patterns
    tests = min(LARGEST_DEFAULT_TEST, left) if test_patterns is None else test_patterns
    integer(1, test_patterns=tests)
    if tests > left:
        raise fail("test_patterns", f"be at most {left} ({there}, of which {patterns} are for training)", tests)
    test_counts = balanced(tests, available - counts)
    rows = np.concatenate([order[:count] for order, count in zip(orders, counts, strict=True)])
    test_rows = np.concatenate([order[::-1][:count] for order, count in zip(orders, test_counts, strict=True)])
    return stream(seed, "order").permutation(rows), stream(seed, "test order").permutation(test_rows)


def balanced(total: int, available: np.ndarray) -> np.ndarray:
    """Share `total` <= sum(available) among classes as evenly as their numbers allow.

    Args:
        total: images to be taken.
        available: images of each class, shape (class,).
    Returns:
        Images to be taken of each class, shape (class,): a common number or, where fewer are there, all of them;
        the first classes that have more take the rest, one each.
    """
    share = bisect_right(range(total + 1), total, key=lambda level: int(np.minimum(available, level).sum())) - 1
    counts = np.minimum(available, share)
    open_classes = np.flatnonzero(available > share)
    counts[open_classes[: total - counts.sum()]] += 1
    return counts


def _coded(labels: np.ndarray, classes: list[int], outputs: int) -> np.ndarray:
    """Outputs +1 for the class of the pattern and -1 else, shape (pattern, outputs)."""
    return np.where(labels[:, None] == np.array(classes[:outputs]), 1, -1).astype(np.int8)
