"""Losses, predictions and model classes of YOLOv1, YOLOv2, YOLOv3 and YOLO9000."""
