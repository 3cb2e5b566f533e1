"""Drawing of labels and predictions: objects, masks, keypoints, captions and classes.

`draw` draws all keys of a sample or a prediction; `sheet` makes a contact sheet of images.
"""

from training.drawing.annotated_image import draw
from training.drawing.class_maps import overlay_classes, paint_classes
from training.drawing.class_plots import confusion_image, overlay_heat
from training.drawing.colors import class_colors, object_color
from training.drawing.contact_sheet import save_sheet, sheet
from training.drawing.drawn_names import Names
from training.drawing.instance_masks import has_outline, paste_mask

__all__ = [
    "Names",
    "class_colors",
    "confusion_image",
    "draw",
    "has_outline",
    "object_color",
    "overlay_classes",
    "overlay_heat",
    "paint_classes",
    "paste_mask",
    "save_sheet",
    "sheet",
]
