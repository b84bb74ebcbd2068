"""Ladders as files: those that are committed, the command, and files that make no sense."""

from pathlib import Path

import jax
import numpy as np
import pytest
from command import command

from glassnet.core import keys
from glassnet.distill import gradient
from glassnet.distill.gradient.data import CIFAR10, CIFAR100

CONFIGS = Path(__file__).parents[2] / "experiments" / "configs"

TINY = """
methods = ["none", ["large", "small"], {machines = ["large", "small"], kind = "in_time"}]
patterns = 60
validation = 40
seeds = 2
ages = 2

[images]
kind = "digits"
tests = 4600

[recipe]
epochs = 2
batch = 20

[machines.large]
kind = "mlp"
hidden = [6]

[machines.small]
kind = "mlp"
hidden = [4]
"""


@pytest.fixture(scope="module")
def cifar(tmp_path_factory):
    """Files of the right shape, with a few images."""
    folder = tmp_path_factory.mktemp("cifar")
    rng = np.random.default_rng(0)
    for files, labels in ((CIFAR10[0] + CIFAR10[1], 1), (CIFAR100[0] + CIFAR100[1], 2)):
        for name in files:
            rows = rng.integers(256, size=(4, labels + 3072), dtype=np.uint8)
            rows[:, :labels] = rng.integers(10, size=(4, labels))
            (folder / name).write_bytes(rows.tobytes())
    return folder


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*.toml")))
def test_committed_ladders(name, cifar):
    given = gradient.read_ladder(CONFIGS / f"{name}.toml", None if name == "digits" else cifar)
    costs = gradient.cost(**given)
    assert min(costs.values()) > 0
    largest = next(iter(given["machines"]))
    assert costs[largest] == max(costs.values())
    if name.startswith("resnet"):
        assert [network.depth for network in given["machines"].values()] == [110, 20, 8]
    for machine, network in given["machines"].items():
        weights, _ = jax.eval_shape(
            lambda n=network: n.start(keys.root(0), given["images"].shape, given["images"].classes)
        )
        assert jax.tree.leaves(weights)
        if name.startswith("cnn"):
            assert machine == f"cnn{sum(layer != 'pool' for layer in network.layers)}"


def test_command(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    _, out, _ = command("ladder", path, "--cost")
    assert "large-small.in_time" in out
    assert "total" in out
    assert not (tmp_path / "tiny").exists()
    _, out, _ = command("ladder", path)
    assert "small large-small.in_time" in " ".join(out.split())
    assert (tmp_path / "tiny" / "results.nc").is_file()
    assert command("ladder", path, "--quiet") == (0, "", "")
    path.write_text(TINY.replace("seeds = 2", "seeds = 3"))
    status, _, err = command("ladder", path)
    assert (status, err.count("\n")) == (2, 1)
    assert "holds another ladder" in err


def test_paths_that_say_more(tmp_path):
    path = tmp_path / "ladder.toml"
    more = 'weight = 0.5, temperature = 4, age = 1}, {machines = ["large", "small"], knowledge = "hard"'
    path.write_text(TINY.replace('kind = "in_time"', more))
    soft, hard = gradient.read_ladder(path)["methods"][2:]
    assert soft == gradient.Path(("large", "small"), weight=0.5, temperature=4.0, age=1)
    assert hard == gradient.Path(("large", "small"), knowledge="hard")


@pytest.mark.parametrize(("old", "new", "words"), [
    ("patterns", "patern", "Argument `patern` is unknown, the nearest is `patterns`"),
    ('kind = "digits"', 'kind = "letters"', "Argument `images.kind` must be one of 'digits', 'cifar10'"),
    ('kind = "digits"\ntests = 4600', 'kind = "cifar10"', "Argument `images.folder` must be given, but is missing"),
    ('kind = "digits"\ntests = 4600', 'kind = "cifar10"\nfolder = "nowhere"', "There is no file nowhere"),
    ('kind = "digits"\ntests = 4600', 'kind = "idx"', "Argument `images.images` must be given, but is missing"),
    ("tests", "test", "Argument `images.test` is unknown, the nearest is `tests`"),
    ('kind = "mlp"\nhidden = [6]', 'kind = "rnn"', "Argument `machines.large.kind` must be one of 'mlp', 'cnn'"),
    ("hidden = [6]", "width = 6", "Argument `machines.large.width` is unknown"),
    ("hidden = [6]", "", "Argument `machines.large.hidden` must be given, but is missing"),
    ("epochs = 2", "epochs = 0", "Argument `epochs` must be an integer of at least 1"),
    ("epochs = 2", "epoch = 2", "Argument `recipe.epoch` is unknown, the nearest is `epochs`"),
    ('kind = "in_time"', 'kind = "late"', "Argument `kind` must be one of 'chain', 'dense', 'in_time'"),
    ('"none"', '"nobody"', "Argument `method` must be one of 'none'"),
    ("[machines.large]", "[[machines]]", "Argument `machines` must be a table"),
    ("[recipe]", "[recipe", "Argument `file` must hold TOML"),
    ("seeds = 2", "seeds = 2.5", "Argument `seeds` must be an integer"),
])  # fmt: skip
def test_bad_files(tmp_path, old, new, words):
    path = tmp_path / "ladder.toml"
    path.write_text(TINY.replace(old, new))
    status, _, err = command("ladder", path)
    assert (status, err.count("\n")) == (2, 1)
    assert words in err


def test_files_that_are_none(tmp_path):
    with pytest.raises(ValueError, match="Argument `file` must end in .toml"):
        gradient.read_ladder("ladder.json")
    with pytest.raises(FileNotFoundError, match="Argument `file` must name a TOML file"):
        gradient.read_ladder(tmp_path / "ladder.toml")
