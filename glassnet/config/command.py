"""The command that makes a run."""

import shlex

from glassnet.config.description import RunConfig, beta_words
from glassnet.config.tasks import DigitsTask, TaskConfig
from glassnet.core.codec import flat
from glassnet.perceptron.machine import Machine
from glassnet.thermal.machine import KIND, ThermalMachine


def default_config(task: type[TaskConfig], machine: type = Machine) -> RunConfig:
    """The configuration with nothing said but the kinds of data and machine; a thermal machine as in the paper."""
    inputs, outputs = (784, 2) if task is DigitsTask else (None, None)
    if machine is ThermalMachine:
        return RunConfig(ThermalMachine(10, 10, inputs, outputs), task(), beta=1e5)
    return RunConfig(Machine(depth=10, width=20, inputs=inputs, outputs=outputs), task())


def command_line(config: RunConfig) -> str:
    """The command that makes a run anywhere, also where defaults are others; the output is named RUN.

    A teacher of an architecture of its own, a ladder of one temperature, and several schedules at one knot have no
    options: the command then takes a file, RUN.json, with what `glassnet info --config` prints.
    """
    lone = isinstance(config.beta, (tuple, list)) and len(config.beta) == 1
    lone = lone or (config.several_schedules and len(config.knots) == 1)
    if getattr(config.task, "teacher", None) is not None or lone:
        return "glassnet run --config RUN.json --output RUN"
    words = []
    for name, value in flat(config.to_dict()).items():
        if value in (None, []) or name.endswith(".kind"):
            continue  # what cannot be said is the default; kinds come first
        values = beta_words(config.beta) if name == "beta" else value if isinstance(value, list) else [value]
        words += [f"--{name.replace('_', '-')}", *map(str, values)]
    kinds = ["--task", config.task.kind]
    if isinstance(config.machine, ThermalMachine):
        kinds += ["--machine", KIND]
    else:
        kinds += ["--machine.potential", type(config.machine.potential).__name__]
    return shlex.join(["glassnet", "run", *kinds, *words, "--output", "RUN"])
