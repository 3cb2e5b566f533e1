"""`zoo list` and `zoo show`."""

from __future__ import annotations

from argparse import Namespace

import zoo
from zoo_cli.output import print_json, short, table


def run_list(options: Namespace) -> None:
    """Prints all architectures with parameters and FLOPs of their published configuration."""
    cards = [zoo.card(name) for name in zoo.list_models(options.task)]
    if options.json:
        print_json({"architectures": [card.to_json() for card in cards]})
        return
    rows = [
        (
            card.name,
            card.task,
            card.paper.year,
            short(card.parameters()["stored"]),
            short(card.flops()),
            "×".join(map(str, card.flops_size)),
            card.summary,
        )
        for card in cards
    ]
    headings = ("name", "task", "year", "parameters", "FLOPs", "at", "idea")
    print(table(rows, headings, right="parameters FLOPs"))


def run_show(options: Namespace) -> None:
    """Prints the card of an architecture."""
    card = zoo.card(options.name)
    if options.json:
        print_json(card.to_json())
        return
    counts = card.parameters()
    lines = [
        f"{card.name} — {card.summary}",
        "",
        f"task         {card.task}",
        f"paper        {card.paper}",
        f"published as {_call(card.name, card.published)}",
        f"parameters   {counts['stored']:,} stored, {counts['trainable']:,} trainable"
        + (f" (paper: {card.paper_parameters})" if card.paper_parameters else ""),
        f"FLOPs        {short(card.flops())} at {'×'.join(map(str, card.flops_size))}",
        f"tiny         {_call(card.name, card.tiny)}",
    ]
    if card.published_results:
        lines += ["", "published results"]
        lines += [
            f"  {f.metric}: {f.value} on {f.data} ({f.source})" for f in card.published_results
        ]
    if card.notes:
        lines += ["", card.notes]
    print("\n".join(lines))


def _call(name: str, arguments: dict) -> str:
    return f"zoo.build({', '.join([repr(name), *(f'{k}={v!r}' for k, v in arguments.items())])})"
