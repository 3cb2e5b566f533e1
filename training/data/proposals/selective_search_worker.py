"""The worker process of Selective Search, started by `selective_search.Pool`.

OpenCV ranks boxes by C's `rand()`, whose state is global to the process. Nothing else draws from it
here, so that the seed determines the ranks. The file imports nothing of the project, for a fast
start. A request is a line of JSON and the bytes of an image, a reply a line of JSON and boxes.
"""

import ctypes
import json
import sys
import traceback

import cv2
import numpy as np


def search(image, mode, width, min_side, seed):
    """Returns (P, 4) float32 unique xyxy, best first; see `selective_search.SelectiveSearch`."""
    height, image_width = image.shape[:2]
    # OpenCV's channel order is BGR.
    color = np.repeat(image, 3, -1) if image.shape[-1] == 1 else image[..., ::-1]
    color = np.ascontiguousarray(color)
    size = (image_width, height)
    if width and width != image_width:
        size = (width, max(1, round(height * width / image_width)))
        kind = cv2.INTER_AREA if width < image_width else cv2.INTER_LINEAR
        color = cv2.resize(color, size, interpolation=kind)
    x, y, across, down = _ranked(color, mode, seed).T
    boxes = np.stack([x, y, x + across, y + down], -1).astype(np.float64)
    boxes = boxes[(across >= min_side) & (down >= min_side)]
    boxes *= np.tile([image_width / size[0], height / size[1]], 2)
    boxes = boxes.astype(np.float32)
    _, first = np.unique(boxes, axis=0, return_index=True)
    return boxes[np.sort(first)]


def _ranked(color, mode, seed):
    """Returns (P, 4) x, y, width and height."""
    selective = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    selective.setBaseImage(color)
    if mode == "fast":
        selective.switchToSelectiveSearchFast()
    elif mode == "quality":
        selective.switchToSelectiveSearchQuality()
    else:
        selective.switchToSingleStrategy()
    library = ctypes.cdll.ucrtbase if sys.platform == "win32" else ctypes.CDLL(None)
    # C may treat 0 and 1 as the same seed.
    library.srand(ctypes.c_uint(seed + 1))
    return np.asarray(selective.process()).reshape(-1, 4)


def main():
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    cv2.setNumThreads(1)
    for line in requests:
        request = json.loads(line)
        shape = request.pop("shape")
        pixels = np.frombuffer(requests.read(int(np.prod(shape))), np.uint8).reshape(shape)
        try:
            boxes, error = search(pixels, **request), ""
        except Exception as problem:
            traceback.print_exc()
            boxes, error = np.zeros((0, 4), np.float32), f"{type(problem).__name__}: {problem}"
        replies.write(json.dumps({"count": len(boxes), "error": error}).encode() + b"\n")
        replies.write(boxes.tobytes())
        replies.flush()


if __name__ == "__main__":
    main()
