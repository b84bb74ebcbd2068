"""Configuration, provenance, and the command that makes a run again."""

import html
import json
import re
import shlex

from report.clean import clean
from report.runs import created

from glassnet.cli.run import parsed
from glassnet.config import RandomTask, RunConfig
from glassnet.perceptron.machine import Machine
from glassnet.report import read_run
from glassnet.report.origin import configuration, provenance
from glassnet.report.source import run_of
from glassnet.store.folder import RunFolder

CONFIG = RunConfig(Machine(3, 4), RandomTask(patterns=7), beta=(1.0, float("inf")), seed=5)


def configured(path, text):
    return run_of(clean().assign_attrs(run_config=text), path)


def test_command_on_the_page_makes_the_run(tmp_path):
    body = provenance(configured(tmp_path, CONFIG.to_json())).body
    line = html.unescape(re.search(r"<pre[^>]*><code>(.*?)</code>", body)[1])
    assert parsed(shlex.split(line)[2:]).run == CONFIG


def test_command_where_options_do_not_say_it(tmp_path):
    body = provenance(configured(tmp_path / "my run.nc", '{"strange": 1}')).body
    assert "glassnet run --config RUN.json --output RUN" in body
    assert html.escape(f"glassnet info --config '{tmp_path}/my run.nc' > RUN.json") in body
    assert "glassnet.simulate" in provenance(run_of(clean(), tmp_path)).body


def test_configuration_is_shown_group_by_group(tmp_path):
    body = configuration(configured(tmp_path, CONFIG.to_json())).body
    captions = re.findall(r'<p class="caption">(.*?)</p>', body)
    assert captions == ["run", "machine", "task", "protocol"]
    for name, value in {"beta": "1, inf", "patterns": "7", "potential.kind": "SoftCore", "inputs": "–"}.items():
        assert f'<th scope="row">{name}</th><td>{value}</td>' in body
    raw = html.unescape(re.search(r"<pre[^>]*>(.*?)</pre>", body, re.DOTALL)[1])
    assert RunConfig.from_json(raw) == CONFIG


def test_data_of_many_samples_are_shown_in_part(tmp_path):
    tasks = {"tasks": [{"seed": n} for n in range(10)]}
    run = run_of(clean().assign_attrs(config=json.dumps(tasks)), tmp_path)
    body = configuration(run).body
    assert re.findall(r"<td>(.*?)</td>", body) == ["0", "1", "2", "and 7 more"]


def test_status_is_that_of_the_folder(tmp_path):
    path = created(tmp_path / "run")
    assert read_run(path).status == "interrupted"
    with RunFolder(path).lock():
        assert read_run(path).status == "running"
