"""The published JSON Schemas."""

from revenue_pipeline.canonical.schema import SCHEMAS_DIR, schemas


def test_published_schemas_are_those_of_the_models() -> None:
    published = {path.name: path.read_text("utf-8") for path in SCHEMAS_DIR.glob("*.json")}
    assert published == schemas(), "run python -m revenue_pipeline.canonical.schema"


def test_every_amount_is_an_integer_in_the_schemas() -> None:
    texts = "".join(schemas().values())
    assert '"type": "integer"' in texts
    assert '"type": "number"' not in texts
