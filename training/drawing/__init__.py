"""Images of labels and answers: the photo with its objects, masks, joints, regions and classes.

`draw` draws whatever keys a sample or an answer has; `sheet` puts images on one contact sheet.
"""

from training.drawing.annotated_image import draw
from training.drawing.class_maps import overlay_classes, paint_classes
from training.drawing.class_names import Names
from training.drawing.class_plots import confusion_image, overlay_heat
from training.drawing.colors import class_colors, object_color
from training.drawing.contact_sheet import save_sheet, sheet
from training.drawing.instance_masks import paste_mask

__all__ = [
    "Names",
    "class_colors",
    "confusion_image",
    "draw",
    "object_color",
    "overlay_classes",
    "overlay_heat",
    "paint_classes",
    "paste_mask",
    "save_sheet",
    "sheet",
]
