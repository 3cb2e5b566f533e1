"""Trees of classes in files: the public layout, and every way to get it wrong."""

import pytest

from zoo.darknet.tree_files import read_tree, write_tree
from zoo.errors import InputError

GOOD = "animal -1\ndog 0\ncat 0\nterrier 1\nthing -1\n"


def test_the_public_layout(tmp_path):
    (tmp_path / "a.tree").write_text(GOOD)
    (tmp_path / "a.names").write_text("Animal\nDog\nCat\nNorfolk terrier\nThing\n")
    found = read_tree(tmp_path / "a.tree")
    assert found.parents == (-1, 0, 0, 1, -1)
    assert found.names == ("animal", "dog", "cat", "terrier", "thing")
    assert found.tree.path(3) == [3, 1, 0]
    assert found.tree.groups == ((0, 4), (1, 2), (3,))
    named = read_tree(tmp_path / "a.tree", tmp_path / "a.names")
    assert named.names[3] == "Norfolk terrier" and named.parents == found.parents
    write_tree(found, tmp_path / "b.tree")
    assert (tmp_path / "b.tree").read_text() == GOOD


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("animal -1\ndog\n", "line 2: the line must be an identifier"),
        ("animal -1\ndog zero\n", "line 2: the line must be an identifier"),
        ("animal -1\ndog 0\ndog 0\n", "line 3: 'dog' is on line 2"),
        ("animal -1\ndog 7\n", "line 2: parent of node 'dog' must be from 0 to 1"),
        ("animal -1\ndog 2\ncat 1\n", "cycle: "),
        ("", "at least one node"),
    ],
)
def test_errors_name_the_line(text, message, tmp_path):
    path = tmp_path / "a.tree"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_tree(path)
    assert str(error.value).startswith(str(path)) and message in str(error.value)


def test_names_are_as_many_as_nodes(tmp_path):
    (tmp_path / "a.tree").write_text(GOOD)
    (tmp_path / "a.names").write_text("Animal\nDog\n")
    with pytest.raises(InputError, match=r"a\.names: the file must have 5 lines"):
        read_tree(tmp_path / "a.tree", tmp_path / "a.names")
