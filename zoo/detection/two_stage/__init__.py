"""Shared parts of R-CNN, Fast R-CNN, Faster R-CNN and Mask R-CNN."""
