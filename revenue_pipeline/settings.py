"""Settings of an installation, read from REVENUE_* environment variables."""

from pathlib import Path

from pydantic import field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What differs between two installations.

    `home` holds all state (database cluster, Dagster home, Data Docs), so two homes never meet.
    `database_url` set means an external PostgreSQL: nothing is started.
    `agreements` is a folder with further file agreements, read beside the built-in ones.
    """

    model_config = SettingsConfigDict(
        env_prefix="REVENUE_", env_ignore_empty=True, frozen=True, validate_default=True
    )

    home: Path = Path(".revenue")
    database_url: str | None = None
    agreements: Path | None = None

    @field_validator("home", "agreements", mode="after")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        # A child process may have another working directory.
        return None if value is None else value.expanduser().absolute()


def load_settings() -> Settings:
    """Read the settings from the environment as it is now."""
    return Settings()
