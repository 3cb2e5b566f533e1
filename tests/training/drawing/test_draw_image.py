"""Boxes, labels, joints and sentences are drawn where they are, in the color of their class."""

import numpy as np
import pytest
from PIL import Image

from training.drawing import Names, class_colors, draw, object_color
from training.drawing.colors import LEFT, MIDDLE, RIGHT
from training.drawing.text_labels import Tags, fitting, font, text_size, wrapped

NAMES = Names(objects=("cat", "dog", "owl"), labels=("calm", "wild"))
GREY = np.full((200, 300, 3), 128, np.uint8)


def is_color(image, color):
    return (image == np.array(color, np.uint8)).all(-1)


def boxes(*rows, label=1, **others):
    count = len(rows)
    return {
        "boxes": np.array(rows, np.float32).reshape(-1, 4),
        "labels": np.full(count, label, np.int32),
        **others,
    }


def test_a_box_is_drawn_on_its_own_pixels():
    image = draw(GREY, boxes([40, 50, 120, 160]), keys=["boxes", "labels"])
    there = is_color(image, object_color(1))
    assert there[50, 40:120].all() and there[159, 40:120].all()
    assert there[50:160, 40].all() and there[50:160, 119].all()
    assert not there[52:158, 42:118].any()
    assert not there[:, 125:].any()


def test_drawing_leaves_what_it_was_given_alone():
    image, sample = GREY.copy(), boxes([40, 50, 120, 160], masks=np.ones((1, 8, 8), np.uint8))
    before = {key: value.copy() for key, value in sample.items()}
    draw(image, sample, NAMES)
    np.testing.assert_array_equal(image, GREY)
    for key, value in sample.items():
        np.testing.assert_array_equal(value, before[key])


@pytest.mark.parametrize(
    "sample",
    [
        boxes([40, 50, 120, 160], label=-1),
        boxes([40, 50, np.nan, 160]),
        boxes([40, 50, 120, 160], scores=np.array([0.3])),
        boxes([40, 50, 120, 160], num_detections=np.int32(0)),
        boxes(),
        {"label": np.int32(-1), "box": np.zeros(4, np.float32)},
        {"keypoints": np.zeros((14, 3), np.float32)},
        {"segmentation": np.zeros((200, 300), np.int32)},
    ],
)
def test_what_is_not_there_is_not_drawn(sample):
    np.testing.assert_array_equal(draw(GREY, sample, NAMES, min_score=0.5), GREY)


def test_a_class_has_one_color_wherever_it_is():
    first = draw(GREY, boxes([40, 50, 120, 160], label=2), NAMES)
    sample = boxes([10, 20, 90, 100], [150, 60, 250, 180])
    sample["labels"] = np.array([0, 2])
    second = draw(GREY, sample, NAMES)
    for image, x in ((first, 40), (second, 150)):
        assert image[100, x].tolist() == list(object_color(2))
    assert second[60, 10].tolist() == list(object_color(0))
    assert class_colors(4)[1:].tolist() == [list(object_color(n)) for n in range(3)]
    each = draw(GREY, boxes([10, 20, 90, 100], [150, 60, 250, 180]), NAMES, color_by="object")
    assert each[60, 10].tolist() != each[100, 150].tolist()
    assert len({object_color(number) for number in range(90)}) == 90


def test_one_class_is_not_said_of_each_object():
    one, sample = Names(objects=("cell",)), boxes([40, 50, 120, 160], label=0)
    bare = draw(GREY, sample, one, color_by="object", keys=["boxes"])
    np.testing.assert_array_equal(draw(GREY, sample, one, color_by="object"), bare)
    assert (draw(GREY, sample, one) != bare).any()
    scored = {**sample, "scores": np.array([0.9])}
    assert (draw(GREY, scored, one, color_by="object") != bare).any()


def test_a_label_is_legible():
    """Black or white letters on a filled tag, whole and inside the image."""
    for box in ([40, 50, 120, 160], [0, 0, 300, 200], [292, 190, 300, 200], [1, 1, 4, 4]):
        bare = draw(GREY, boxes(box), NAMES, keys=["boxes"])
        changed = (draw(GREY, boxes(box), NAMES) != bare).any(-1)
        assert changed.sum() > 150
        rows, columns = np.nonzero(changed)
        tag = draw(GREY, boxes(box), NAMES)[rows.min() : rows.max(), columns.min() : columns.max()]
        dark = (tag.max(-1) < 60).sum() + (tag.min(-1) > 230).sum()
        assert dark > 20, "no letters"


def test_labels_stay_inside_and_off_each_other():
    random = np.random.default_rng(0)
    corners = random.uniform(-20, 280, (60, 2))
    many = np.concatenate([corners, corners + random.uniform(2, 60, (60, 2))], -1)
    tags = Tags(Image.new("RGB", (300, 200)), 11, many)
    written = [tags.write(f"class {n}", tuple(box), (255, 0, 0)) for n, box in enumerate(many)]
    placed = tags.placed
    assert 10 < sum(written) == len(placed) < 60
    assert placed.min() >= 0 and placed[:, 2].max() <= 300 and placed[:, 3].max() <= 200
    for number, tag in enumerate(placed[1:], 1):
        low = np.maximum(placed[:number, :2], tag[:2])
        high = np.minimum(placed[:number, 2:], tag[2:])
        hidden = np.prod(np.maximum(high - low, 0), -1).sum()
        assert hidden <= 0.41 * np.prod(tag[2:] - tag[:2])


def test_a_lone_label_hides_nothing_it_need_not():
    small = np.array([[100.0, 100.0, 110.0, 108.0]])
    tags = Tags(Image.new("RGB", (300, 200)), 12, small)
    assert tags.write("a long name", tuple(small[0]), (255, 0, 0))
    x0, y0, x1, y1 = tags.placed[0]
    assert x1 <= 100 or x0 >= 110 or y1 <= 100 or y0 >= 108


def test_a_label_that_would_hide_objects_is_left_out():
    x, y = (side.ravel() for side in np.meshgrid(np.arange(0, 300, 20), np.arange(0, 200, 20)))
    full = np.stack([x, y, x + 20, y + 20], -1).astype(float)
    for boxes_there, written in ((full, False), (full[:1], True), (full[60:61], True)):
        tags = Tags(Image.new("RGB", (300, 200)), 12, boxes_there)
        assert tags.write("a long name", tuple(boxes_there[0]), (255, 0, 0)) is written


def test_crowds_are_dashed_and_boxes_without_area_are_marked():
    plain = draw(GREY, boxes([40, 50, 240, 160]), keys=["boxes"])
    crowd = boxes([40, 50, 240, 160], crowd=np.array([True]))
    dashed = draw(GREY, crowd, keys=["boxes", "labels", "crowd"])
    color = object_color(0)
    edge = is_color(plain, color)[159, 40:240], is_color(dashed, object_color(1))[159, 40:240]
    assert edge[0].all() and 60 < edge[1].sum() < 140
    flat = draw(GREY, boxes([150, 100, 150, 100]), keys=["boxes"])
    assert is_color(flat, color)[100, 150] and 10 < is_color(flat, color).sum() < 200


def test_far_coordinates_take_no_time():
    far = boxes([-1e30, -1e30, 1e30, 1e30], [5, 5, 1e9, 1e9], crowd=np.array([True, True]))
    far["keypoints"] = np.full((2, 3, 3), 1e12)
    image = draw(GREY, far, Names(skeleton=((0, 1), (1, 2))))
    assert image.shape == GREY.shape


def test_small_images_are_drawn_larger():
    image = np.zeros((32, 64, 1), np.float32)
    sample = boxes([16, 8, 48, 24], masks=np.ones((1, 4, 4), np.uint8))
    drawn = draw(image, sample, NAMES, side=256)
    assert drawn.shape == (128, 256, 3)
    there = is_color(drawn, object_color(1))
    assert there[64, 64] and there[64, 191] and there[95, 64:192].all()
    assert not there[100:].any() and not there[:, :60].any()
    # Inside, the fill over black.
    assert drawn[80, 120].tolist() == [int(0.4 * channel) for channel in object_color(1)]


def test_full_masks_belong_to_the_whole_image():
    mask = np.zeros((1, 200, 300), np.uint8)
    mask[0, 20:60, 200:260] = 1
    sample = boxes([10, 100, 30, 120], masks=mask)
    image = draw(GREY, sample, NAMES, full_masks=True, keys=["boxes", "masks"])
    assert is_color(image, object_color(0))[20, 200:260].all()
    assert (image[40, 230] != GREY[40, 230]).any()
    assert (image[40, 150] == GREY[40, 150]).all()


JOINTS = Names(keypoints=("left hip", "r_hip", "neck", "nose"), skeleton=((0, 2), (1, 2), (0, 1)))


def test_joints_show_side_and_visibility():
    joints = np.array([[60, 150, 2], [160, 150, 1], [110, 50, 2], [250, 20, 0]], np.float32)
    image = draw(GREY, {"keypoints": joints}, JOINTS)
    assert image[150, 60].tolist() == list(LEFT)
    assert image[50, 110].tolist() == list(MIDDLE)
    assert (image[20, 250] == 128).all(), "an absent joint is drawn"
    assert is_color(image, RIGHT).sum() > 20
    assert image[100, 85].tolist() == list(LEFT) and image[100, 135].tolist() == list(RIGHT)
    assert image[150, 100].tolist() == list(MIDDLE), "a limb between two sides"
    alone = draw(GREY, {"keypoints": joints[1:2]}, Names(keypoints=("right hip",)))
    assert (alone[150, 160] == 128).all() and is_color(alone, RIGHT).any(), "no ring"


def test_joints_of_padded_rows_are_not_drawn():
    joints = np.tile(np.array([[60, 150, 2]], np.float32), (2, 4, 1))
    joints[1, :, :2] = [200, 100]
    sample = boxes([40, 50, 120, 160], [150, 60, 250, 180], keypoints=joints)
    sample["labels"] = np.array([0, -1], np.int32)
    image = draw(GREY, sample, JOINTS, keys=["boxes", "labels", "keypoints"])
    assert (image[95:105, 195:205] == 128).all()
    assert (image[150, 60] != 128).any()
    prediction = {**sample, "labels": np.array([0, 0]), "scores": np.ones(2)}
    prediction["keypoints"] = np.where([0, 0, 1], 0.4, joints)
    image = draw(GREY, prediction, JOINTS, keys=["boxes", "labels", "keypoints", "scores"])
    assert image[150, 60].tolist() != [128] * 3 and image[100, 200].tolist() != [128] * 3


def test_the_one_object_and_the_class_of_the_image():
    sample = {"box": np.array([40, 50, 120, 160], np.float32), "label": np.int32(1)}
    image = draw(GREY, sample, NAMES)
    assert is_color(image, object_color(1))[50:160, 40].all()
    label_only = draw(GREY, {"label": np.int32(1)}, NAMES)
    changed = np.nonzero((label_only != 128).any(-1))
    assert changed[0].min() == changed[1].min() == 0 and changed[0].max() < 30


def test_sentences_are_listed_below_with_their_numbers():
    rows = [[10 * n, 10 * n, 10 * n + 60, 10 * n + 50] for n in range(5)]
    texts = np.array(
        [f"a thing that is number {n}, with a long description".encode() for n in range(5)]
    )
    whole = draw(GREY, boxes(*rows, texts=texts), NAMES)
    few = draw(GREY, boxes(*rows, texts=texts), NAMES, max_regions=2)
    assert whole.shape[1] == few.shape[1] == 300
    assert whole.shape[0] > few.shape[0] > 200 + 2 * text_size(300)
    assert is_color(whole[200:], object_color(1)).any(), "its chip has the color of its box"
    one_class = draw(
        GREY, boxes(*rows, texts=texts, labels=np.zeros(5, int)), Names(objects=("region",))
    )
    for number in range(5):
        assert is_color(one_class[200:], object_color(number)).any(), "each has a color of its own"
    tokens = np.array([[1, 2, 0], [2, 3, 0]])
    words = Names(tokens=("", "<start>", "red", "hat"))
    assert [words.sentence(row) for row in tokens] == ["red", "red hat"]
    image = draw(GREY, {"captions": tokens}, words)
    assert image.shape[0] > 200 and (image[:200] == GREY).all()


def test_text_fits():
    letters = font(12)
    assert fitting("short", letters, 100) == "short"
    cut = fitting("a very long name indeed", letters, 60)
    assert cut.endswith("…") and letters.getlength(cut) <= 60
    lines = wrapped("one two three four extraordinarilylongword five", letters, 60)
    assert len(lines) > 3 and all(letters.getlength(line) <= 60 for line in lines)
    assert wrapped("", letters, 60) == [""]


def test_proposals_and_anchors_are_thin_lines():
    many = np.array([[20, 30, 120, 150], [60, 60, 200, 180], [np.nan, 0, 1, 1]])
    for key in ("proposals", "anchors"):
        image = draw(GREY, {key: many})
        changed = (image != 128).any(-1)
        assert changed[30, 20:120].all() and changed[179, 60:200].all()
        assert changed.sum() <= 2 * (100 + 120 + 140 + 120)


def test_maps_and_instances():
    instances = np.zeros((200, 300), np.int32)
    instances[20:80, 20:80], instances[20:80, 80:140] = 1, 2
    image = draw(GREY, {"instances": instances, "segmentation": (instances > 0).astype(int)})
    assert image[50, 50].tolist() != image[50, 110].tolist()
    assert (image[150] == 128).all()
    classes = instances.copy()
    both = draw(GREY, {"instances": instances, "segmentation": classes}, NAMES)
    assert both[50, 79].tolist() == [255] * 3, "a rim between two objects"
    expected = (0.45 * 128 + 0.55 * class_colors(3)[2]).astype(np.uint8)
    np.testing.assert_array_equal(both[50, 110], expected)


def test_colors_go_by_class_or_object_only():
    with pytest.raises(ValueError, match="color_by"):
        draw(GREY, boxes(), color_by="name")
