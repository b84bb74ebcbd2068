"""Labelled images for networks: digits of the package, and files of the user's in the CIFAR and idx formats."""

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import numpy as np

from glassnet.core.check import fail, integer
from glassnet.tasks.digits import archive
from glassnet.tasks.idx import idx_images
from glassnet.tasks.synthetic import stream
from glassnet.tasks.task import fingerprint

SIDE, COLOURS = 32, 3
"""Of a CIFAR image."""
CIFAR10 = [f"data_batch_{n}.bin" for n in range(1, 6)], ["test_batch.bin"]
CIFAR100 = ["train.bin"], ["test.bin"]
"""Files of training and of test images."""


@dataclass(frozen=True, eq=False)
class Images:
    """Labelled images; the last `tests` of them are for the test, and nothing is ever chosen by these.

    Args:
        name: what they are.
        images: uint8, shape (image, row, column, colour), or (image, pixel).
        labels: classes 0, 1, ..., shape (image,).
        tests: number of test images.
        classes: number of classes; one more than the largest label if 0.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    tests: int
    classes: int = 0
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        """Check types and shapes."""
        images, labels = np.asarray(self.images), np.asarray(self.labels)
        if images.dtype != np.uint8 or images.ndim not in (2, 4) or not images.size:
            found = f"{images.dtype} of shape {images.shape}"
            raise fail("images", "be uint8 of shape (image, row, column, colour) or (image, pixel)", found)
        if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
            found = f"{labels.dtype} of shape {labels.shape}"
            raise fail("labels", f"be integers of shape {images.shape[:1]}, one for each image", found)
        integer(1, tests=self.tests)
        if self.tests >= len(images):
            raise fail("tests", f"be less than the {len(images)} images", self.tests)
        classes = int(labels.max()) + 1 if self.classes == 0 else self.classes
        integer(2, classes=classes)
        if labels.min() < 0 or labels.max() >= classes:
            raise fail("labels", f"lie in 0..{classes - 1}", int(labels.min() if labels.min() < 0 else labels.max()))
        values = {"images": images, "labels": labels.astype(np.int32), "classes": classes}
        for name, value in (values | {"sha256": fingerprint(images, labels)}).items():
            object.__setattr__(self, name, value)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an image."""
        return self.images.shape[1:]

    @property
    def pool(self) -> int:
        """Images that are no test images."""
        return len(self.images) - self.tests

    def split(self, rng: np.random.Generator, patterns: int, validation: int) -> tuple[np.ndarray, np.ndarray]:
        """Training and validation images, drawn at random without repetition from those that are no test images.

        With the same random numbers, smaller training sets are the beginnings of larger ones, and the validation
        images are the same.

        Args:
            rng: random numbers.
            patterns: number of training images, at least 1.
            validation: number of validation images, at least 1.
        Returns:
            Their places, int32, shapes (patterns,) and (validation,).
        """
        order = rng.permutation(self.pool).astype(np.int32)
        return order[:patterns], order[self.pool - validation :]

    def check(self, patterns: int, validation: int) -> None:
        """Raise ValueError if there are too few images."""
        integer(1, patterns=patterns, validation=validation)
        left = self.pool - validation
        if patterns > left:
            there = f"{self.pool} images less {validation} for validation"
            raise fail("patterns", f"be at most {left} ({there})", patterns)

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation by colour of the images that are no test images, on a scale from 0 to 1."""
        x = self.images[: self.pool]
        x = x.reshape(-1, x.shape[-1] if x.ndim == 4 else 1)
        levels = np.arange(256) / 255
        counts = np.stack([np.bincount(colour, minlength=256) for colour in x.T]) / len(x)
        mean = counts @ levels
        deviation = np.sqrt(counts @ levels**2 - mean**2)
        return mean.astype(np.float32), np.maximum(deviation, 1e-3).astype(np.float32)


def digits(tests: int = 2000, *, flat: bool = True) -> Images:
    """The 5000 digits of the package (MNIST), 28 x 28 pixels; each class is equally frequent in the test.

    Args:
        tests: number of test images, the same ones in any run; a multiple of 10, at most 4990.
        flat: as rows of 784 pixels, instead of images with one colour.
    """
    integer(10, tests=tests)
    if tests % 10 or tests > 4990:
        raise fail("tests", "be a multiple of 10, at most 4990", tests)
    images, labels = archive()
    orders = [stream(0, f"digits {c}").permutation(np.flatnonzero(labels == c)) for c in range(10)]
    test = np.concatenate([order[: tests // 10] for order in orders])
    rows = np.concatenate([np.setdiff1d(np.arange(len(labels)), test), test])
    shape = (784,) if flat else (28, 28, 1)
    return Images("digits", images[rows].reshape(-1, *shape), labels[rows], tests, 10)


def cifar10(folder: str | PathLike) -> Images:
    """CIFAR-10 in its binary version: data_batch_1.bin to data_batch_5.bin and test_batch.bin.

    Args:
        folder: where the files lie (cifar-10-batches-bin).
    Raises:
        FileNotFoundError, ValueError: if a file is missing, truncated, or holds labels beyond 9; it names the file.
    """
    return _cifar("cifar10", Path(folder), CIFAR10, labels=1, classes=10)


def cifar100(folder: str | PathLike) -> Images:
    """CIFAR-100 in its binary version: train.bin and test.bin, with the 100 fine classes.

    Args:
        folder: where the files lie (cifar-100-binary).
    Raises:
        FileNotFoundError, ValueError: as for `cifar10`.
    """
    return _cifar("cifar100", Path(folder), CIFAR100, labels=2, classes=100)


def _cifar(name: str, folder: Path, files: tuple[list[str], list[str]], *, labels: int, classes: int) -> Images:
    parts = [[cifar_file(folder / file, labels=labels, classes=classes) for file in kind] for kind in files]
    images = np.concatenate([part[0] for kind in parts for part in kind])
    known = np.concatenate([part[1] for kind in parts for part in kind])
    return Images(name, images, known, sum(len(part[0]) for part in parts[1]), classes)


def cifar_file(path: Path, *, labels: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of one file: records of some bytes of labels, the last one counts, and 3 x 32 x 32 pixels.

    Args:
        path: the file.
        labels: bytes of labels in a record, 1 in CIFAR-10, 2 in CIFAR-100.
        classes: number of classes.
    Returns:
        Images (image, 32, 32, 3), uint8, and labels (image,), uint8.
    Raises:
        FileNotFoundError, ValueError: if it is missing, no whole number of records, or has other labels.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    content, record = path.read_bytes(), labels + COLOURS * SIDE**2
    if not content or len(content) % record:
        numbers = f"it has {len(content)} bytes, no multiple of the {record} of an image"
        raise ValueError(f"File {path} is truncated or no binary CIFAR file: {numbers}.")
    rows = np.frombuffer(content, np.uint8).reshape(-1, record)
    known = rows[:, labels - 1]
    if known.max() >= classes:
        raise ValueError(f"File {path} must hold labels from 0 to {classes - 1}, but holds {known.max()}.")
    images = rows[:, labels:].reshape(-1, COLOURS, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), known


def idx(
    images: str | PathLike,
    labels: str | PathLike,
    test_images: str | PathLike,
    test_labels: str | PathLike,
    *,
    flat: bool = True,
) -> Images:
    """Images and labels in four idx files, such as MNIST's or Fashion-MNIST's, gzip-compressed or not.

    Args:
        images: training images.
        labels: their labels.
        test_images: test images, of the same shape.
        test_labels: their labels.
        flat: as rows of pixels, instead of images with one colour.
    Raises:
        FileNotFoundError, ValueError: as `glassnet.tasks.idx_images`, or if shapes differ.
    """  # fmt: skip
    parts = idx_images(images, labels), idx_images(test_images, test_labels)
    shapes = [part[0].shape[1:] for part in parts]
    if shapes[0] != shapes[1]:
        raise ValueError(f"Files {images} and {test_images} must hold images of one shape, but hold {shapes}.")
    pixels = np.concatenate([part[0] for part in parts])
    pixels = pixels.reshape(len(pixels), -1) if flat else pixels[..., None]
    known = np.concatenate([part[1].astype(np.int64) for part in parts])
    return Images("idx", pixels, known, len(parts[1][0]))
