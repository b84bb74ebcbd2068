import gzip
import struct

import numpy as np
import pytest

from glassnet.perceptron.machine import Machine
from glassnet.tasks import digits, idx_images, load_idx

CODES = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}


def idx_bytes(values):
    header = bytes([0, 0, CODES[values.dtype.name], values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.astype(values.dtype.newbyteorder(">")).tobytes()


def written(path, values, compress=False):
    content = idx_bytes(values)
    path.write_bytes(gzip.compress(content, mtime=0) if compress else content)
    return path


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("shape", [(6,), (2, 3), (2, 3, 4)])
@pytest.mark.parametrize("compress", [False, True])
def test_round_trip(tmp_path, dtype, shape, compress):
    values = (np.arange(np.prod(shape)) * 7 + 1).reshape(shape).astype(dtype)
    read = load_idx(written(tmp_path / "data", values, compress))
    assert read.dtype == values.dtype
    assert read.dtype.isnative
    assert read.flags.writeable
    np.testing.assert_array_equal(read, values)


def test_fixed_bytes(tmp_path):
    path = tmp_path / "three"
    path.write_bytes(bytes.fromhex("00000b02 00000001 00000003 0001 fffe 0102"))
    assert load_idx(path).tolist() == [[1, -2, 258]]


GOOD = idx_bytes(np.arange(12, dtype=np.int32).reshape(3, 4))  # 4 + 8 + 48 = 60 bytes
BAD = [
    (b"", "starts with ''"),
    (b"\0\0", "starts with '00 00'"),
    (b"PNG\0" + GOOD, "starts with '50 4e 47 00'"),
    (b"\0\0\x0a\x02" + GOOD[4:], "starts with '00 00 0a 02'"),
    (b"\0\0\x08\x00\x05", "starts with '00 00 08 00'"),
    (GOOD[:9], "truncated: its header has 12 bytes, but 9"),
    (GOOD[:-1], "truncated: shape (3, 4) takes 60 bytes, but 59"),
    (GOOD[:12], "truncated: shape (3, 4) takes 60 bytes, but 12"),
    (GOOD + b"\0", "trailing bytes: shape (3, 4) takes 60 bytes, but 61"),
    (b"\0\0\x08\x03" + b"\xff" * 12 + b"\0", "shape (4294967295, 4294967295, 4294967295)"),
    (gzip.compress(GOOD, mtime=0)[:-3], "gzip"),
    (gzip.compress(GOOD, mtime=0)[:20] + b"\xff\xff\xff" + gzip.compress(GOOD, mtime=0)[23:], "gzip"),
    (gzip.compress(GOOD + b"\0", mtime=0), "takes 60 bytes, but 61"),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_bad_file_is_named(tmp_path, content, message):
    path = tmp_path / "bad-file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="bad-file") as error:
        load_idx(path)
    assert message in str(error.value)


def test_missing_file_is_named(tmp_path):
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(FileNotFoundError, match=str(path)):
            load_idx(path)


def test_images_and_labels_go_into_digits(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(30, 4, 5), dtype=np.uint8)
    labels = np.arange(30, dtype=np.uint8) % 3
    paths = written(tmp_path / "images.gz", images, True), written(tmp_path / "labels", labels)
    read_images, read_labels = idx_images(*paths)
    np.testing.assert_array_equal(read_images, images)
    np.testing.assert_array_equal(read_labels, labels)
    task = digits(Machine(2, 8, inputs=20, outputs=3), 12, classes=(0, 1, 2), images=read_images, labels=read_labels)
    assert np.bincount(task.labels).tolist() == [4, 4, 4]


IMAGES, LABELS = np.zeros((3, 2, 2), np.uint8), np.zeros(3, np.uint8)
BAD_PAIRS = [
    (LABELS, IMAGES, r"images must hold uint8 of shape \(image, height, width\), but holds uint8 of shape \(3,\)"),
    (IMAGES.astype(np.float32), LABELS, r"images must hold uint8 .*but holds float32 of shape \(3, 2, 2\)"),
    (IMAGES, IMAGES, r"labels must hold integers of shape \(image,\), but holds uint8 of shape \(3, 2, 2\)"),
    (IMAGES, LABELS.astype(np.float32), r"labels must hold integers .*but holds float32 of shape \(3,\)"),
    (IMAGES, LABELS[:2], r"images holds 3 images, but .*labels holds 2 labels"),
]


@pytest.mark.parametrize(("images", "labels", "message"), BAD_PAIRS)
def test_pair_that_does_not_fit(tmp_path, images, labels, message):
    with pytest.raises(ValueError, match=message):
        idx_images(written(tmp_path / "images", images), written(tmp_path / "labels", labels))
