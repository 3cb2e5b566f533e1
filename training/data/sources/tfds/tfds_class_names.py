"""Class names and ids that TFDS does not store."""

CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""Ids of the 19 classes that Cityscapes evaluates; all others are ignored."""

CITYSCAPES = (
    *("road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign"),
    *("vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train"),
    *("motorcycle", "bicycle"),
)

SCENE_PARSE_OBJECTS = (
    *("bed", "windowpane", "cabinet", "person", "door", "table", "curtain", "chair", "car"),
    *("painting", "sofa", "shelf", "mirror", "armchair", "seat", "fence", "desk", "wardrobe"),
    *("lamp", "bathtub", "railing", "cushion", "box", "column", "signboard", "chest of drawers"),
    *("counter", "sink", "fireplace", "refrigerator", "stairs", "case", "pool table", "pillow"),
    *("screen door", "bookcase", "coffee table", "toilet", "flower", "book", "bench"),
    *("countertop", "stove", "palm", "kitchen island", "computer", "swivel chair", "boat"),
    *("arcade machine", "bus", "towel", "light", "truck", "chandelier", "awning", "streetlight"),
    *("booth", "television receiver", "airplane", "apparel", "pole", "bannister", "ottoman"),
    *("bottle", "van", "ship", "fountain", "washer", "plaything", "stool", "barrel", "basket"),
    *("bag", "minibike", "oven", "ball", "food", "step", "trade name", "microwave", "pot"),
    *("animal", "bicycle", "dishwasher", "screen", "sculpture", "hood", "sconce", "vase"),
    *("traffic light", "tray", "ashcan", "fan", "plate", "monitor", "bulletin board"),
    *("radiator", "glass", "clock", "flag"),
)
"""The 100 object classes of the scene parsing challenge's instance annotations, from 1."""
