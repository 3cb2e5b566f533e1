"""Pascal VOC: XML boxes, class maps, object maps."""
