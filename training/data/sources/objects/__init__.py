"""Annotated objects: boxes, masks and keypoints, shared by all formats that have them."""
