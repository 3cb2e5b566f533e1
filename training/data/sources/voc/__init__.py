"""Pascal VOC: XML boxes, class maps and instance maps."""
