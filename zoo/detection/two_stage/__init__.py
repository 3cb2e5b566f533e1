"""Parts that R-CNN, Fast R-CNN, Faster R-CNN and Mask R-CNN share."""
