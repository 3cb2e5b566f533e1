"""The pages that are made from the code are up to date."""

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_page_of_models_is_that_of_the_cards():
    page = runpy.run_path(str(ROOT / "docs" / "make_models.py"))["gallery"]()
    assert (ROOT / "docs" / "models.md").read_text() == page, "run python docs/make_models.py"


def test_every_page_the_readme_names_is_there():
    for target in re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target
