"""Entity ids that may stand inside SQL text (Great Expectations has no bind parameters)."""

import re

from revenue_pipeline.quality.errors import SuiteError

# An entity may lie below another one: `parent/entity`. No part can lead out of a folder.
_PART = "[A-Za-z0-9_-][A-Za-z0-9._:-]{0,99}"
_ENTITY = re.compile(rf"{_PART}(/{_PART})?")


def checked_entity(entity_id: str) -> str:
    """Return `entity_id` when nothing in it means anything to SQL or a path. Raises SuiteError."""
    if not _ENTITY.fullmatch(entity_id):
        raise SuiteError(f"{entity_id!r} is no entity id: letters, digits, _ - . : only")
    return entity_id
