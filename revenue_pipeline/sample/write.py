"""Writes the sample company's files."""

import json
from pathlib import Path
from random import Random

from revenue_pipeline.sample.manifest import SampleManifest
from revenue_pipeline.sample.market import MARKETS
from revenue_pipeline.sample.stories import Books, tell_bundle, tell_monthly, tell_platform


def write_sample(folder: Path, *, scale: int = 1, seed: int = 20250101) -> SampleManifest:
    """Write the files of a company of 200 x `scale` customers below `folder`.

    One file per source and account: `crm_orders/<tenant>.jsonl`, `stripe/<tenant>.jsonl`,
    `usage_events/<tenant>.jsonl`; `manifest.json` says what is in them and what must be found. The
    same seed and scale give the same bytes.
    """
    manifest = SampleManifest(seed=seed, scale=scale)
    for market in MARKETS:
        # A string seeds by its own hash function, the same on every machine and run.
        books = Books(market, Random(f"{seed}:{market.entity_id}"), manifest)  # noqa: S311 (a story, no secret)
        for number in range(market.customers * scale):
            customer = f"cus_{market.entity_id}{number:05d}"
            manifest.customers += 1
            tell = (tell_monthly, tell_bundle, tell_platform, tell_bundle, tell_monthly)[number % 5]
            tell(books, number, customer)
        _write(folder / "crm_orders" / f"{market.tenant}.jsonl", books.crm)
        _write(folder / "stripe" / f"{market.tenant}.jsonl", books.stripe)
        _write(folder / "usage_events" / f"{market.tenant}.jsonl", books.usage)
    text = json.dumps(manifest.as_json(), indent=2) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    return manifest


def _write(path: Path, records: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(json.dumps(record, separators=(",", ":"), sort_keys=True) + "\n")
