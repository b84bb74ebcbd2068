import hashlib

import numpy as np
import pytest

from glassnet.perceptron.machine import Machine
from glassnet.tasks import digits
from glassnet.tasks.digits import archive, balanced

MACHINE = Machine(3, 20, inputs=784, outputs=2)
TEN = Machine(3, 20, inputs=784, outputs=10)
IMAGES, LABELS = archive()
ROW = {tuple(row): i for i, row in enumerate(np.packbits(IMAGES > 127.5, axis=1).tolist())}


def rows(inputs):
    """Rows of the archive that have these inputs, at the default threshold."""
    return [ROW[tuple(row)] for row in np.packbits(inputs > 0, axis=1).tolist()]


def test_archive_is_the_published_one():
    assert IMAGES.shape == (5000, 784)
    assert hashlib.sha256(IMAGES.tobytes()).hexdigest()[:16] == "2913c6b6527114b7"
    assert hashlib.sha256(LABELS.tobytes()).hexdigest()[:16] == "41b7b0a9d94690a3"
    assert np.bincount(LABELS).tolist() == [500] * 10
    assert not IMAGES.flags.writeable


def test_no_two_images_are_alike_even_binarised():
    assert len(ROW) == 5000


def test_first_image_is_a_zero():
    ink = IMAGES[0].reshape(28, 28) > 127
    assert ink.sum(axis=1)[[0, 1, 26, 27]].tolist() == [0, 0, 0, 0]
    assert ink[4:24, 4:24].sum() == ink.sum()  # digits fill 20 x 20 pixels in the middle, up to their centering
    assert not ink[12:16, 13:15].any()  # the hole


@pytest.mark.parametrize(
    ("machine", "patterns", "classes", "tests"),
    [(MACHINE, 200, (0, 1), None), (MACHINE, 999, (7, 3), None), (TEN, 1003, tuple(range(10)), 507)],
)
def test_inputs_labels_and_outputs_agree_with_the_archive(machine, patterns, classes, tests):
    task = digits(machine, patterns, classes=classes, test_patterns=tests, seed=5)
    train, test = rows(task.inputs), rows(task.test_inputs)
    assert len(set(train)) == patterns
    assert len(set(test)) == len(test)
    assert not set(train) & set(test)
    np.testing.assert_array_equal(LABELS[train], task.labels)
    np.testing.assert_array_equal(LABELS[test], task.test_labels)
    counts = [np.sum(task.labels == c) for c in classes]
    assert counts == sorted(counts, reverse=True)  # the first classes take the rest
    for labels, outputs in ((task.labels, task.outputs), (task.test_labels, task.test_outputs)):
        np.testing.assert_array_equal(np.array(classes)[outputs.argmax(axis=1)], labels)
        assert (outputs.sum(axis=1, dtype=int) == 2 - len(classes)).all()
        counts = [np.sum(labels == c) for c in classes]
        assert max(counts) - min(counts) <= 1


def test_default_number_of_test_patterns():
    assert len(digits(MACHINE, 200).test_inputs) == 400
    assert len(digits(MACHINE, 700).test_inputs) == 300
    assert len(digits(MACHINE, 999).test_inputs) == 1


def test_one_output_for_two_classes():
    task = digits(Machine(2, 9, inputs=784, outputs=1), 50, classes=(4, 2))
    np.testing.assert_array_equal(task.outputs[:, 0], np.where(task.labels == 4, 1, -1))
    assert set(task.labels) == {2, 4}


def test_seed_decides_selection_and_order():
    one, same, other = (digits(MACHINE, 100, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.inputs, same.inputs)
    np.testing.assert_array_equal(one.test_inputs, same.test_inputs)
    assert set(rows(one.inputs)) != set(rows(other.inputs))
    assert set(rows(one.test_inputs)) != set(rows(other.test_inputs))


def test_classes_are_mixed():
    labels = digits(MACHINE, 400).labels
    changes = np.sum(labels[1:] != labels[:-1])
    assert abs(changes - 200) < 5 * 10  # 399 pairs, each a change with probability 200/399: deviation 10


def test_training_and_test_sets_do_not_depend_on_the_size_of_the_other():
    few, many = digits(MACHINE, 100, test_patterns=50), digits(MACHINE, 100, test_patterns=800)
    np.testing.assert_array_equal(few.inputs, many.inputs)
    np.testing.assert_array_equal(few.test_inputs, digits(MACHINE, 900, test_patterns=50).test_inputs)


def test_parameters_reproduce_the_task():
    task = digits(TEN, 40, classes=range(10), threshold=0.25, seed=9)
    parameters = {**task.parameters}
    assert (parameters.pop("builder"), parameters.pop("data")) == ("digits", "mnist5k")
    again = digits(TEN, **parameters)
    np.testing.assert_array_equal(task.inputs, again.inputs)
    np.testing.assert_array_equal(task.test_outputs, again.test_outputs)


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [(0, [-1, 1, 1, 1, 1, 1]), (0.2, [-1, -1, -1, 1, 1, 1]), (0.5, [-1, -1, -1, -1, 1, 1]), (1, [-1] * 6)],
)
def test_pixels_above_the_threshold_are_up(threshold, expected):
    images = np.array([[0, 1, 51, 52, 128, 255]] * 4, np.uint8)
    machine = Machine(2, 4, inputs=6, outputs=2)
    task = digits(machine, 2, images=images, labels=np.array([0, 0, 1, 1]), threshold=threshold)
    assert task.inputs.tolist() == [expected] * 2


def test_own_images_of_two_dimensions_and_unequal_classes():
    images = np.arange(20 * 6, dtype=np.uint8).reshape(20, 2, 3)
    labels = np.array([5] * 3 + [8] * 17)
    machine = Machine(2, 4, inputs=6, outputs=2)
    options = {"classes": (8, 5), "images": images, "labels": labels}
    task = digits(machine, 10, **options)
    assert [int(np.sum(task.labels == c)) for c in (8, 5)] == [7, 3]
    assert set(task.test_labels) == {8}
    assert len(task.test_labels) == 10
    flat = digits(machine, 10, **{**options, "images": images.reshape(20, 6)})
    np.testing.assert_array_equal(task.inputs, flat.inputs)
    assert task.parameters["data"] == flat.parameters["data"]
    assert task.parameters["data"] != digits(machine, 10, **{**options, "images": images + 1}).parameters["data"]


@pytest.mark.parametrize(
    ("total", "available", "expected"),
    [
        (0, [3, 3], [0, 0]),
        (5, [9, 9], [3, 2]),
        (6, [1, 9, 3], [1, 3, 2]),
        (13, [1, 9, 3], [1, 9, 3]),
        (12, [1, 9, 3], [1, 8, 3]),
        (2, [0, 1, 5], [0, 1, 1]),
    ],
)
def test_balanced(total, available, expected):
    assert balanced(total, np.array(available)).tolist() == expected


OWN = {"images": np.zeros((8, 784), np.uint8), "labels": np.arange(8) % 2}
BAD = [
    (MACHINE, {"patterns": 0}, "patterns", "0"),
    (MACHINE, {"patterns": 10.0}, "patterns", "10.0"),
    (MACHINE, {"patterns": 1000}, "patterns", "1000"),
    (MACHINE, {"patterns": 8, **OWN}, "patterns", "8"),
    (MACHINE, {"test_patterns": 0}, "test_patterns", "0"),
    (MACHINE, {"test_patterns": 901}, "test_patterns", "901"),
    (MACHINE, {"seed": -1}, "seed", "-1"),
    (MACHINE, {"threshold": -0.1}, "threshold", "-0.1"),
    (MACHINE, {"threshold": 1.5}, "threshold", "1.5"),
    (MACHINE, {"threshold": float("nan")}, "threshold", "nan"),
    (MACHINE, {"threshold": "half"}, "threshold", "'half'"),
    (MACHINE, {"classes": (0, 11)}, "classes", "11"),
    (MACHINE, {"classes": (0, 0.5)}, "classes", "0.5"),
    (MACHINE, {"classes": "01"}, "classes", "'0'"),
    (MACHINE, {"classes": (3, 3)}, "classes", "3"),
    (MACHINE, {"classes": (3,)}, "classes", "(3,)"),
    (MACHINE, {"classes": 3}, "classes", "3"),
    (Machine(2, 10, outputs=2), {}, "machine.inputs", "10"),
    (MACHINE, {"classes": (0, 1, 2)}, "machine.outputs", "2"),
    (Machine(2, 10, inputs=784, outputs=1), {"classes": (0, 1, 2)}, "machine.outputs", "1"),
    (TEN, {"classes": (0, 1)}, "machine.outputs", "10"),
    (MACHINE, {"images": OWN["images"]}, "labels", "None"),
    (MACHINE, {"labels": OWN["labels"]}, "images", "None"),
    (MACHINE, {**OWN, "images": OWN["images"] / 255}, "images", "'float64'"),
    (MACHINE, {**OWN, "images": OWN["images"][0]}, "images", "(784,)"),
    (MACHINE, {**OWN, "images": OWN["images"][:0]}, "images", "(0, 784)"),
    (MACHINE, {**OWN, "images": OWN["images"][:, :9]}, "machine.inputs", "784"),
    (MACHINE, {**OWN, "labels": OWN["labels"][:7]}, "labels", "(7,)"),
    (MACHINE, {**OWN, "labels": OWN["labels"] * 1.0}, "labels", "'float64'"),
]


@pytest.mark.parametrize(("machine", "options", "name", "shown"), BAD)
def test_bad_input_is_named(machine, options, name, shown):
    with pytest.raises(ValueError, match=f"^Argument `{name}` must ") as error:
        digits(machine, **{"patterns": 100 if "images" not in options else 4, **options})
    assert str(error.value).endswith(f"but is {shown}.")


def test_too_few_images_are_counted_in_the_message():
    with pytest.raises(ValueError, match=r"at most 999 \(there are 1000 images of classes \(0, 1\)"):
        digits(MACHINE, 1000)
    with pytest.raises(ValueError, match=r"at most 700 \(there are 1000 images of classes \(0, 1\), of which 300"):
        digits(MACHINE, 300, test_patterns=701)
