"""The tasks: their targets, losses, metrics and predictions."""

from zoo.tasks.captioning_task import CAPTIONING
from zoo.tasks.classification_task import CLASSIFICATION
from zoo.tasks.detection_task import DETECTION, INSTANCES
from zoo.tasks.localization_task import LOCALIZATION, POSE, POSE_CLASSIFICATION
from zoo.tasks.sample_schema import SCHEMA, Field
from zoo.tasks.segmentation_task import SEGMENTATION
from zoo.tasks.task import Task

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
