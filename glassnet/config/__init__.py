"""The configuration of a run: frozen dataclasses, checked, hashed, with a JSON round trip."""

from glassnet.config.description import RunConfig, read_config
from glassnet.config.tasks import TASKS, DigitsTask, HiddenManifoldTask, RandomTask, TaskConfig, TeacherStudentTask

__all__ = [
    "RunConfig", "read_config", "TaskConfig", "TASKS",
    "RandomTask", "TeacherStudentTask", "HiddenManifoldTask", "DigitsTask",
]  # fmt: skip
