"""Where the parts of an installation lie. The project is used from its checkout."""

from pathlib import Path

PACKAGE_DIR = Path(__file__).resolve().parent
PROJECT_ROOT = PACKAGE_DIR.parent
DBT_PROJECT_DIR = PROJECT_ROOT / "dbt_project"
EXPECTATIONS_DIR = PROJECT_ROOT / "expectations"
MIGRATIONS_DIR = PACKAGE_DIR / "warehouse" / "migrations"
