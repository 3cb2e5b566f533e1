"""Runs the exported files of a segmentation model without this package.

    python run_exported.py EXPORT_FOLDER IMAGE_FOLDER

Copy it to any machine: SavedModel needs `tensorflow`, LiteRT needs `ai-edge-litert`. It predicts
every image with both files, prints how far they agree, and fails if they do not.
"""

import os
import sys
from pathlib import Path

# Exported files do not need these packages.
sys.modules.update(dict.fromkeys(("zoo", "training", "export"), None))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from PIL import Image


def main(folder: Path, images: Path) -> int:
    serve = tf.saved_model.load(str(folder / "saved_model")).signatures["serving_default"]
    labels = (folder / "saved_model" / "assets" / "labels.txt").read_text().splitlines()
    lite = Interpreter(model_path=str(next(folder.glob("*.tflite"))))
    different = total = 0
    for path in sorted(images.glob("*.png")):
        image = np.asarray(Image.open(path).convert("RGB"))[None]
        by_saved_model = serve(images=tf.constant(image))["segmentation"].numpy()
        lite.resize_tensor_input(lite.get_input_details()[0]["index"], image.shape)
        lite.allocate_tensors()
        by_litert = lite.get_signature_runner("serving_default")(images=image)["segmentation"]
        names = [labels[i] for i in np.unique(by_saved_model)]
        gap = int((by_saved_model != by_litert).sum())
        print(f"{path.name}: {', '.join(names)}; {gap} of {by_litert.size} pixels differ")
        different += gap
        total += by_litert.size
    fraction = different / max(total, 1)
    print(f"SavedModel and LiteRT agree on {100 * (1 - fraction):.3f} % of the pixels.")
    return 0 if total and fraction < 0.001 else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
