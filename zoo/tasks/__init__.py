"""What a kind of answer is: the targets it learns from, its losses and metrics, its decoding."""

from zoo.tasks.base import Task
from zoo.tasks.captioning import CAPTIONING
from zoo.tasks.classification import CLASSIFICATION
from zoo.tasks.detection import DETECTION, INSTANCES
from zoo.tasks.localization import LOCALIZATION, POSE, POSE_CLASSIFICATION
from zoo.tasks.schema import SCHEMA, Field
from zoo.tasks.segmentation import SEGMENTATION

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        CLASSIFICATION,
        SEGMENTATION,
        LOCALIZATION,
        POSE,
        POSE_CLASSIFICATION,
        DETECTION,
        INSTANCES,
        CAPTIONING,
    )
}

__all__ = ["Task", "TASKS", "SCHEMA", "Field"]
