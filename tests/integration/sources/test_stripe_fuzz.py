"""No damaged Stripe object crashes a translation: it is a dead letter like any other."""

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from revenue_pipeline.domain.errors import FileRefusedError, MoneyError
from revenue_pipeline.sources.context import TranslationError
from revenue_pipeline.sources.entities import load_entities
from revenue_pipeline.sources.stripe.adapter import translate_body
from revenue_pipeline.sources.stripe.split import split

ODD: list[Any] = [
    None, True, 1.5, -1, 0, 10**18, 10**400, "", "x", "\x00", "\ud800", [], {}, [1], {"a": []},
    float("nan"), "1e9", 253_402_300_800, [None], [{}], "=1",
]  # fmt: skip


def damaged(chance: random.Random, document: Any) -> Any:
    """A copy of the document with one place replaced or removed."""
    result = copy.deepcopy(document)
    node = result
    while True:
        places = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not places:
            return result
        place = chance.choice(places)
        if isinstance(node[place], dict | list) and node[place] and chance.random() < 0.8:
            node = node[place]
            continue
        if chance.random() < 0.2:
            del node[place]
        else:
            node[place] = chance.choice(ODD)
        return result


@pytest.mark.parametrize("seed", range(3))
def test_damaged_objects_are_translated_or_named(real: Path, seed: int) -> None:
    entity = load_entities().find("stripe", "default")
    assert entity is not None
    chance = random.Random(seed)
    wanted = {"invoice", "subscription", "credit_note", "refund"}
    bodies = [
        json.loads(record.body)
        for file in sorted(real.glob("stripe_*/**/*.json"))
        for record in split(file.read_bytes(), file.name)
        if record.object_type in wanted
    ]
    assert len(bodies) > 20
    for _ in range(1500):
        document = damaged(chance, chance.choice(bodies))
        try:
            for record in split(json.dumps(document).encode(), "damaged.json"):
                translate_body(record.body, entity)
        except (FileRefusedError, TranslationError, MoneyError, ValidationError):
            continue
