"""Writes docs/models.md from the cards: `python docs/make_models.py` (`--check` only compares)."""

import sys
from pathlib import Path

import zoo

TARGET = Path(__file__).with_name("models.md")


def gallery() -> str:
    """The page: every architecture by task, with its paper and what the built model counts."""
    lines = [
        "# Models",
        "",
        "Made by `python docs/make_models.py` from the cards. Parameters and FLOPs (two for each",
        "multiply-accumulate) are counted on the built published configuration.",
    ]
    for task in sorted(zoo.tasks.TASKS):
        lines += ["", f"## {task.capitalize()}", ""]
        lines += ["| name | idea | year | parameters | of them trainable | GFLOPs | at |"]
        lines += ["|---|---|---|---|---|---|---|"]
        cards = sorted(map(zoo.card, zoo.list_models(task)), key=lambda c: (c.paper.year, c.name))
        for card in cards:
            counts = card.parameters()
            size = "×".join(map(str, card.flops_size))
            lines.append(
                f"| `{card.name}` | {card.summary} | {card.paper.year} | {counts['stored']:,} "
                f"| {counts['trainable']:,} | {card.flops() / 1e9:.1f} | {size} |"
            )
        lines += ["", "### Papers and published figures", ""]
        for card in cards:
            results = "; ".join(f"{f.metric} {f.value} on {f.data}" for f in card.published_results)
            lines.append(f"- `{card.name}`: {card.paper}.{f' {results}.' if results else ''}")
            if card.notes:
                lines.append(f"  {card.notes}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    page = gallery()
    if "--check" in sys.argv:
        sys.exit(TARGET.read_text() != page)
    TARGET.write_text(page)
