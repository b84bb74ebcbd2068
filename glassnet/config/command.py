"""The command that makes a run."""

import shlex
from dataclasses import replace

from glassnet.config.description import RunConfig, beta_words
from glassnet.config.tasks import DigitsTask, TaskConfig
from glassnet.core.codec import flat
from glassnet.perceptron.machine import Machine


def default_config(task: type[TaskConfig]) -> RunConfig:
    """The configuration with nothing said but the kind of data."""
    inputs, outputs = (784, 2) if task is DigitsTask else (None, None)
    return RunConfig(Machine(depth=10, width=20, inputs=inputs, outputs=outputs), task())


def command_line(config: RunConfig) -> str:
    """The command that makes a run anywhere: all options that differ from their defaults; the output is named RUN.

    A teacher of an architecture of its own, and several schedules at one knot, have no options: the command then takes
    a file, RUN.json, with what `glassnet info --config` prints.
    """
    if getattr(config.task, "teacher", None) is not None or (config.several_schedules and len(config.knots) == 1):
        return "glassnet run --config RUN.json --output RUN"
    potential = type(config.machine.potential)
    plain = default_config(type(config.task))
    plain = replace(plain, machine=replace(plain.machine, potential=potential()))
    defaults, words = flat(plain.to_dict()), []
    for name, value in flat(config.to_dict()).items():
        if value != defaults[name]:
            values = beta_words(config.beta) if name == "beta" else value if isinstance(value, list) else [value]
            words += [f"--{name.replace('_', '-')}", *map(str, values)]
    kinds = ["--task", config.task.kind, "--machine.potential", potential.__name__]
    return shlex.join(["glassnet", "run", *kinds, *words, "--output", "RUN"])
