"""Legal entities as sources see them: entities.yml beside this file."""

from functools import lru_cache
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

_FILE = Path(__file__).with_name("entities.yml")


class Entity(BaseModel):
    """A legal entity: its time zone turns instants into accounting dates."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entity_id: str
    accounting_time_zone: ZoneInfo
    functional_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    tenant: str
    entity: str

    def fits(self, source: str, tenant: str) -> bool:
        return self.source in {"*", source} and self.tenant in {"*", tenant}


class Entities(BaseModel):
    """All entities and the rules that assign tenants to them; the first that fits wins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entities: dict[str, Entity]
    rules: tuple[_Rule, ...]

    @model_validator(mode="before")
    @classmethod
    def _name_entities(cls, data: dict[str, dict[str, dict[str, str]]]) -> object:
        named = {key: {"entity_id": key, **value} for key, value in data["entities"].items()}
        return {**data, "entities": named}

    def find(self, source: str, tenant: str) -> Entity | None:
        """The entity of a tenant, or None when no rule names one."""
        for rule in self.rules:
            if rule.fits(source, tenant):
                return self.entities.get(rule.entity)
        return None


@lru_cache(maxsize=1)
def load_entities() -> Entities:
    """Read entities.yml once."""
    return Entities.model_validate(yaml.safe_load(_FILE.read_text(encoding="utf-8")))
