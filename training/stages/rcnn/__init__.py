"""R-CNN's stages after the gradient steps: SVMs and box regressions on stored features.

Girshick, Donahue, Darrell, Malik, *Rich Feature Hierarchies for Accurate Object Detection and
Semantic Segmentation*, CVPR 2014.
"""
