"""Boundary data: random, teacher and student, hidden manifold, digits."""

from glassnet.tasks.digits import digits
from glassnet.tasks.idx import idx_images, load_idx
from glassnet.tasks.synthetic import hidden_manifold, random, teacher_student
from glassnet.tasks.task import Task, Teacher

__all__ = ["Task", "Teacher", "random", "teacher_student", "hidden_manifold", "digits", "load_idx", "idx_images"]
