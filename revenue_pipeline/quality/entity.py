"""Entity ids that may stand inside SQL text (Great Expectations has no bind parameters)."""

import re

from revenue_pipeline.quality.errors import SuiteError

_ENTITY = re.compile(r"[A-Za-z0-9_-]{1,64}")


def checked_entity(entity_id: str) -> str:
    """Return `entity_id` when it holds letters, digits, _ and - only. Raises SuiteError else."""
    if not _ENTITY.fullmatch(entity_id):
        raise SuiteError(f"{entity_id!r} is no entity id: letters, digits, _ and - only")
    return entity_id
