"""Images: digits of the package, crafted CIFAR and idx files, and files that are not what they should be."""

import gzip
import struct

import numpy as np
import pytest

from glassnet.distill import gradient
from glassnet.distill.gradient.data import CIFAR10
from glassnet.tasks.digits import archive


def test_digits_are_those_of_the_package():
    images, labels = archive()
    data = gradient.digits(500)
    known = {row.tobytes(): label for row, label in zip(images, labels, strict=True)}
    assert all(known[row.tobytes()] == label for row, label in zip(data.images, data.labels, strict=True))
    assert len({row.tobytes() for row in data.images}) == 5000  # training and test images differ
    assert (np.bincount(data.labels[data.pool :]) == 50).all()
    assert (data.pool, data.shape, data.classes) == (4500, (784,), 10)
    assert gradient.digits(500, flat=False).shape == (28, 28, 1)
    mean, deviation = data.moments()
    x = data.images[: data.pool] / 255
    np.testing.assert_allclose([mean[0], deviation[0]], [x.mean(), x.std()], rtol=1e-5)


def test_splits_are_apart_and_nested():
    data = gradient.digits()
    few, many = (data.split(np.random.default_rng(3), n, 400) for n in (100, 2600))
    assert (few[0] == many[0][:100]).all()
    assert (few[1] == many[1]).all()
    assert len({*many[0].tolist(), *many[1].tolist()}) == 3000
    assert max(map(np.max, many)) < data.pool


def records(number, labels, classes, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.integers(256, size=(number, labels + 3072), dtype=np.uint8)
    rows[:, 0] = rng.integers(20, size=number)  # coarse, in CIFAR-100
    rows[:, labels - 1] = rng.integers(classes, size=number)
    return rows


def written(folder, files, labels, classes):
    parts = [records(3 + n, labels, classes, seed=n) for n in range(len(files))]
    for name, rows in zip(files, parts, strict=True):
        (folder / name).write_bytes(rows.tobytes())
    return np.concatenate(parts)


@pytest.mark.parametrize(("load", "files", "labels", "classes"), [
    (gradient.cifar10, CIFAR10[0] + CIFAR10[1], 1, 10),
    (gradient.cifar100, ["train.bin", "test.bin"], 2, 100),
])  # fmt: skip
def test_cifar_files(tmp_path, load, files, labels, classes):
    rows = written(tmp_path, files, labels, classes)
    data = load(tmp_path)
    assert (data.classes, data.tests, len(data.images)) == (classes, 3 + len(files) - 1, len(rows))
    assert (data.labels == rows[:, labels - 1]).all()
    for n, colour, i, j in ((0, 0, 0, 0), (2, 2, 31, 1), (-1, 1, 4, 30)):
        assert data.images[n, i, j, colour] == rows[n, labels + 1024 * colour + 32 * i + j]
    path = tmp_path / files[-1]
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(
        ValueError, match=f"File {path} is truncated or no binary CIFAR file: it has {len(content) - 1}"
    ):
        load(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="is truncated"):
        load(tmp_path)
    path.write_bytes(b"\xff" * len(content))
    with pytest.raises(ValueError, match=f"{path} must hold labels from 0 to {classes - 1}, but holds 255"):
        load(tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=f"There is no file {path}"):
        load(tmp_path)


def idx_file(path, array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))
    return path


def test_idx_files(tmp_path):
    rng = np.random.default_rng(0)
    arrays = [rng.integers(256, size=(6, 5, 5)), np.arange(6), rng.integers(256, size=(2, 5, 5)), np.arange(2)]
    paths = [idx_file(tmp_path / f"{n}.gz", array) for n, array in enumerate(arrays)]
    data = gradient.idx(*paths)
    assert (data.shape, data.tests, data.classes) == ((25,), 2, 6)
    assert (data.images[6].reshape(5, 5) == arrays[2][0]).all()
    assert gradient.idx(*paths, flat=False).shape == (5, 5, 1)
    idx_file(paths[2], rng.integers(256, size=(2, 4, 5)))
    with pytest.raises(ValueError, match="must hold images of one shape"):
        gradient.idx(*paths)
    paths[2].write_bytes(paths[0].read_bytes()[:40])
    with pytest.raises(ValueError, match=f"File {paths[2]} is not intact"):
        gradient.idx(*paths)


@pytest.mark.parametrize(("changes", "words"), [
    ({"images": np.zeros((4, 3))}, "Argument `images` must be uint8 of shape .*, but is 'float64 of shape"),
    ({"labels": np.zeros(3, int)}, r"Argument `labels` must be integers of shape \(4,\)"),
    ({"labels": np.array([0, 1, 2, 5]), "classes": 3}, r"Argument `labels` must lie in 0..2, but is 5"),
    ({"labels": np.array([0, 1, 2, -1])}, "Argument `labels` must lie in 0..2, but is -1"),
    ({"labels": np.zeros(4, int)}, "Argument `classes` must be an integer of at least 2"),
    ({"tests": 4}, "Argument `tests` must be less than the 4 images, but is 4"),
    ({"tests": 0}, "Argument `tests` must be an integer of at least 1"),
])  # fmt: skip
def test_bad_images(changes, words):
    good = {"images": np.zeros((4, 3), np.uint8), "labels": np.arange(4), "tests": 1}
    with pytest.raises(ValueError, match=words):
        gradient.Images("made up", **good | changes)


def test_bad_numbers():
    with pytest.raises(ValueError, match="`tests` must be a multiple of 10"):
        gradient.digits(15)
    with pytest.raises(ValueError, match="`patterns` must be at most 2900 .*, but is 2901"):
        gradient.digits().check(2901, 100)
