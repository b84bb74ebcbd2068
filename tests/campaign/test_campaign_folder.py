"""The folder of a campaign: it grows with the grid, and refuses another configuration."""

import json
import tarfile
import warnings
from pathlib import Path

import pytest
from test_grid import BASE, plan_of

import glassnet as gn
from glassnet.campaign.axes import read_axes
from glassnet.campaign.folder import campaign, check_run, held, open_folder, write
from glassnet.campaign.grid import Grid
from glassnet.campaign.jobs import submitted
from glassnet.campaign.standing import standings, to_do
from glassnet.campaign.state import last_error
from glassnet.core.codec import config_hash
from glassnet.perceptron.describe import renewed

ARCHIVE = Path(__file__).parents[1] / "data" / "runs-of-0.1.tar.gz"


def names(grid):
    return [point.name for point in grid.points]


def recorded(folder, text, base=BASE):
    """A campaign whose record is written."""
    made = campaign(folder / "c", plan_of(folder, text, base))
    write(made)
    return made


def test_a_campaign_is_read_back(tmp_path):
    made = recorded(tmp_path, "[grid]\nN = [4, 6]\nbeta = [1, inf]\n", BASE + "schedule = 'quench'\n")
    again = open_folder(tmp_path / "c")
    assert names(again) == names(made)
    assert again.grid.campaign_hash == made.grid.campaign_hash
    assert [p.config for p in again.points] == [p.config for p in made.points]
    assert json.loads((tmp_path / "c" / "campaign.json").read_text())["hash"] == made.grid.campaign_hash
    for point in made.points:
        assert gn.config.read_config(made.config_file(point)) == point.config


def test_a_relative_folder_is_meant_where_the_campaign_was_opened(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    made = campaign(Path("c"), plan_of(tmp_path, "[grid]\nN = [4, 6]\n"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    write(made)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    monkeypatch.chdir(tmp_path)
    again = open_folder("c")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert all(again.config_file(point).is_file() for point in again.points)
    assert {one.folder for one in to_do(again, standings(again), retry_failed=False)} == {
        tmp_path / "c" / name for name in names(again)
    }


def test_more_values_keep_the_runs_that_are_there(tmp_path):
    before = recorded(tmp_path, "[grid]\nN = [4, 6]\n")
    after = recorded(tmp_path, "[grid]\nN = [5, 6, 4]\n")
    assert names(after) == ["N=5", "N=6", "N=4"]
    assert set(after.runs) == {"N=4", "N=5", "N=6"}
    assert set(before.runs) < set(open_folder(tmp_path / "c").runs)


def test_another_axis_keeps_the_runs_that_are_there(tmp_path):
    recorded(tmp_path, "[grid]\nN = [4, 6]\n")
    after = recorded(tmp_path, "[grid]\nN = [4, 6]\nseed = [0, 7]\n")
    assert names(after) == ["N=4", "N=4,seed=7", "N=6", "N=6,seed=7"]
    assert names(open_folder(tmp_path / "c")) == names(after)


def test_fewer_values_forget_nothing(tmp_path):
    recorded(tmp_path, "[grid]\nN = [4, 6]\n")
    assert names(recorded(tmp_path, "[grid]\nN = [6]\n")) == ["N=6"]
    assert set(open_folder(tmp_path / "c").runs) == {"N=4", "N=6"}


def test_another_base_is_refused_with_the_difference(tmp_path):
    recorded(tmp_path, "[grid]\nN = [4, 6]\n")
    other = BASE.replace("2.0", "3.0").replace("depth = 2", "depth = 3")
    words = r"differs: beta: 2.0, not 3.0; machine.depth: 2, not 3\. Give another --output"
    with pytest.raises(ValueError, match=words):
        recorded(tmp_path, "[grid]\nN = [4, 6, 7]\n", other)
    assert names(recorded(tmp_path, "[grid]\nN = [4, 6, 7]\n", BASE + "seed = 0\n")) == ["N=4", "N=6", "N=7"]


@pytest.mark.parametrize("sweeps", [0, 10])
def test_a_campaign_of_version_0_1_goes_on(tmp_path, sweeps):
    """Its files call the ensemble `weights` and have hashes of such names: it is the same campaign, and its run there.

    Args:
        sweeps: how many more the clones are to run.
    """
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    values = json.loads((tmp_path / "command" / "config.json").read_text())["run"]
    assert "weights" in values["machine"] and "ensemble" not in values["machine"]
    name, folder = "seed=0", tmp_path / "c"
    (folder / "configs").mkdir(parents=True)
    (tmp_path / "command").rename(folder / name)
    (folder / "configs" / f"{name}.json").write_text(json.dumps(values))
    grid, runs = {"seed": [values["seed"]]}, {name: config_hash(values)}
    (folder / "campaign.json").write_text(json.dumps({"format": 1, "run": values, "grid": grid, "runs": runs}))
    with warnings.catch_warnings(action="error"):
        made = open_folder(folder)
        assert [one.state for one in standings(made)] == ["complete"]
        base = renewed(values)
        base["protocol"]["sweeps"] += sweeps
        after = campaign(folder, Grid(base, read_axes({"seed": [values["seed"], 7]})))
    assert after.runs == {point.name: point.config.config_hash for point in after.points}
    assert names(after) == [name, "seed=7"]
    write(after)
    assert [one.state for one in standings(open_folder(folder))] == ["stopped" if sweeps else "complete", "absent"]


def test_what_the_grid_varies_may_change_in_the_base(tmp_path):
    recorded(tmp_path, "[grid]\nN = [4, 6]\nbeta = [2.0]\n")
    after = recorded(tmp_path, "[grid]\nN = [4, 6]\n", BASE.replace("2.0", "3.0"))
    assert names(after) == ["N=4", "N=6"]
    assert len(after.runs) == 4


def test_folders_that_are_no_campaign(tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="Argument `output` must be empty, new, or the folder of a campaign, but is"):
        recorded(tmp_path, "[grid]\nN = [4]\n")
    with pytest.raises(FileNotFoundError, match="Argument `folder` must be the folder of a campaign, but is"):
        gn.open_campaign(tmp_path / "c")
    (tmp_path / "c" / "campaign.json").write_text("{")
    with pytest.raises(ValueError, match="Argument `folder` must hold a whole campaign.json, but"):
        gn.open_campaign(tmp_path / "c")
    for text in ("[]", '{"format": 1}', '{"format": 2, "run": {}, "grid": {}, "runs": {}}', "[" * 100_000):
        (tmp_path / "c" / "campaign.json").write_text(text)
        with pytest.raises(ValueError, match=r"Argument `folder` must hold a whole campaign\.json, but"):
            gn.open_campaign(tmp_path / "c")
    (tmp_path / "c" / "campaign.json").write_text('{"format": 99}')
    with pytest.raises(ValueError, match="must hold a campaign.json of format 1 or 2, but is"):
        gn.open_campaign(tmp_path / "c")


def test_one_command_at_a_time(tmp_path):
    with held(tmp_path / "c"), pytest.raises(OSError, match="in use by"), held(tmp_path / "c"):
        pass
    with held(tmp_path / "c"):
        pass


def test_a_run_with_a_damaged_configuration_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"must hold a run, but .*config\.json is damaged"):
        check_run(tmp_path, None)


@pytest.mark.parametrize(
    ("printed", "why"),
    [
        ("$ first\nglassnet: error: old\n$ second\nglassnet: error: full\nE0000 cpu_aot_loader.cc: SIGILL\n", "full"),
        ("$ first\nglassnet: error: old\n$ second\n", ""),
        ("$ first\nMemoryError\n\n", "MemoryError"),
        ("glassnet: error: alone", "alone"),
        ("", ""),
    ],
)
def test_why_a_run_failed_is_what_its_last_command_said(tmp_path, printed, why):
    (tmp_path / "log").write_text(printed, encoding="utf-8")
    assert last_error(tmp_path / "absent", tmp_path / "log") == why


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "a/b", "..", "", "a\\b", "a\0b"])
def test_names_that_lead_out_of_a_campaign_are_refused(tmp_path, name):
    """Before a folder is made, or a run looked for, in another place."""
    write(recorded(tmp_path, "[grid]\nN = [4]\n"))
    file = tmp_path / "c" / "campaign.json"
    values = json.loads(file.read_text())
    values["runs"] = dict.fromkeys([name], *values["runs"].values())
    values["sha256"] = config_hash({key: value for key, value in values.items() if key != "sha256"})
    file.write_text(json.dumps(values))
    with pytest.raises(ValueError, match="must hold runs in folders of its own, but .* names "):
        gn.open_campaign(tmp_path / "c")


@pytest.mark.parametrize("text", ["[]", "{", '{"a": 3}', '{"a": {"cluster": "moon", "job": "1"}}',
                                  '{"a": {"cluster": "local", "job": "../1"}}'])  # fmt: skip
def test_a_damaged_record_of_jobs_is_one_line(tmp_path, text):
    (tmp_path / "jobs.json").write_text(text)
    with pytest.raises(ValueError, match=r"must hold a whole jobs\.json, but"):
        submitted(tmp_path)
