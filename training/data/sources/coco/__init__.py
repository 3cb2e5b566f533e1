"""COCO's JSON: instances, person keypoints, captions."""
