"""Small networks as Darknet .cfg files, and random weights for them."""

import numpy as np

from zoo.darknet import read_cfg

GRID = """
[net]
width=96
height=64
channels=3
learning_rate=0.001

[convolutional]
batch_normalize=1
filters=8
size=3
stride=1
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
batch_normalize=1
filters=16
size=3
stride=2
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
batch_normalize=1
filters=16
size=3
stride=1
pad=1
activation=leaky

[route]
layers=-3

[convolutional]
batch_normalize=1
filters=8
size=1
stride=1
pad=1
activation=leaky

[reorg]
stride=2

[route]
layers=-1,-4

[convolutional]
size=1
stride=1
pad=1
filters=16
activation=linear

[region]
anchors = 0.7,0.9, 2.1,1.6
classes=3
coords=4
num=2
softmax=1
rescore=1
thresh=.15
object_scale=5
noobject_scale=1
class_scale=1
coord_scale=1
absolute=1
"""

SCALES = """
[net]
width=64
height=96
channels=3

[convolutional]   # layer 0
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky

[convolutional]
batch_normalize=1
filters=8
size=1
stride=1
pad=1
activation=leaky

[convolutional]
batch_normalize=1
filters=8
size=3
stride=1
pad=1
activation=leaky

[shortcut]
from=-3
activation=linear

[maxpool]
size=2
stride=2

[convolutional]
batch_normalize=1
filters=16
size=3
stride=1
pad=1
activation=leaky

[route]
layers=-1
groups=2
group_id=1

[maxpool]
size=2
stride=2

[maxpool]
size=2
stride=1

[maxpool]
size=5
stride=1

[convolutional]
size=1
stride=1
pad=1
filters=16
activation=linear

[yolo]
mask = 1,2
anchors = 5,6, 12,9, 30,40
classes=3
num=3
ignore_thresh=.7
thresh=.3

[route]
layers=-3

[convolutional]
batch_normalize=1
filters=4
size=1
stride=1
pad=1
activation=leaky

[upsample]
stride=2

[route]
layers=-1,5

[convolutional]
size=1
stride=1
pad=1
filters=8
activation=linear

[yolo]
mask = 0
anchors = 5,6, 12,9, 30,40
classes=3
num=3
thresh=.3
"""

CLASSIFIER = """
[net]
width=33
height=41
channels=3

[convolutional]
batch_normalize=1
filters=8
size=5
stride=2
pad=1
activation=leaky

[maxpool]
size=3
stride=2

[convolutional]
filters=12
size=3
stride=1
activation=relu

[maxpool]
size=2
stride=2

[dropout]
probability=.5

[convolutional]
filters=7
size=1
stride=1
pad=1
activation=linear

[avgpool]

[softmax]
groups=1

[cost]
type=sse
"""

CELLS = """
[net]
width=32
height=32
channels=3

[convolutional]
filters=4
size=3
stride=2
pad=1
activation=leaky

[maxpool]
size=4
stride=4

[local]
size=3
stride=1
pad=1
filters=5
activation=leaky

[connected]
output=6
activation=leaky

[dropout]
probability=.5

[connected]
output=52
activation=linear

[detection]
classes=3
coords=4
rescore=1
side=2
num=2
softmax=0
sqrt=1
jitter=.2
object_scale=1
noobject_scale=.5
class_scale=1
coord_scale=5
"""


def shake(model, seed=0):
    """Sets random weights with which activations neither vanish nor explode."""
    random = np.random.default_rng(seed)
    for variable in model.weights:
        shape, path = tuple(variable.shape), variable.path
        if "seed" in path or not shape:
            continue
        value = random.normal(0, 0.3, shape)
        if "variance" in path:
            value = random.uniform(0.5, 1.5, shape)
        elif "gamma" in path:
            value = random.uniform(0.7, 1.3, shape)
        elif "kernel" in path:
            value = value * (10 / np.prod(shape[:-1])) ** 0.5
        variable.assign(value)
    return model


def of(text, folder, **arguments):
    """The model of a file's text, with random weights."""
    path = folder / "net.cfg"
    path.write_text(text)
    return shake(read_cfg(path, **arguments))
