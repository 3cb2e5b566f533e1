"""What a kind of answer is: the targets it learns from, its losses and metrics, its decoding."""

from zoo.tasks.base import Task
from zoo.tasks.detection import DETECTION, INSTANCES
from zoo.tasks.schema import SCHEMA, Field
from zoo.tasks.segmentation import SEGMENTATION

TASKS: dict[str, Task] = {task.name: task for task in (SEGMENTATION, DETECTION, INSTANCES)}

__all__ = ["Task", "TASKS", "SCHEMA", "Field"]
