"""Writes docs/models.md and zoo/cards.json: `python docs/make_models.py` (`--check` compares)."""

import json
import sys
from pathlib import Path

import zoo
from zoo.cards import Card
from zoo.catalog import CARDS_FILE, register_all, registered

PAGE = Path(__file__).with_name("models.md")


def page(cards: list[Card]) -> str:
    """Returns the page: the architectures of each task, with papers and computed counts."""
    lines = [
        "# Models",
        "",
        "Made by `python docs/make_models.py` from the cards. Parameters and FLOPs (two per",
        "multiply-accumulate) are counted on the built published configuration.",
    ]
    for task in sorted(zoo.tasks.TASKS):
        chosen = [card for card in cards if card.listed and card.task == task]
        chosen.sort(key=lambda card: (card.paper.year, card.name))
        lines += ["", f"## {task.capitalize()}", ""]
        lines += ["| name | idea | year | parameters | trainable | GFLOPs | image size |"]
        lines += ["|---|---|---|---|---|---|---|"]
        for card in chosen:
            counts = card.parameters()
            size = "×".join(map(str, card.flops_size))
            lines.append(
                f"| `{card.name}` | {card.summary} | {card.paper.year} | {counts['stored']:,} "
                f"| {counts['trainable']:,} | {card.flops() / 1e9:.1f} | {size} |"
            )
        lines += ["", "### Papers and published results", ""]
        for card in chosen:
            results = "; ".join(f"{r.metric} {r.value} on {r.data}" for r in card.published_results)
            lines.append(f"- `{card.name}`: {card.paper}.{f' {results}.' if results else ''}")
            if card.notes:
                lines.append(f"  {card.notes}")
    return "\n".join(lines) + "\n"


def cards_file(cards: list[Card]) -> str:
    """Returns the content of zoo/cards.json: a card with its counts per line."""
    lines = [json.dumps(card.to_json(counts=card.listed), ensure_ascii=False) for card in cards]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def contents() -> dict[Path, str]:
    """Returns the content of each generated file."""
    register_all()
    cards = registered()
    return {PAGE: page(cards), CARDS_FILE: cards_file(cards)}


if __name__ == "__main__":
    files = contents()
    if "--check" in sys.argv:
        sys.exit(any(path.read_text() != text for path, text in files.items()))
    for path, text in files.items():
        path.write_text(text)
