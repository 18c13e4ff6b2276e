"""Data Docs: what the gate saw, as static pages that need no server."""

import shutil
from pathlib import Path
from typing import Any

SITE = "site"


def docs_folder(home: Path, entity_id: str) -> Path:
    """Folder of the pages of one entity below REVENUE_HOME."""
    return home / "data_docs" / entity_id


def site_config(folder: Path) -> dict[str, Any]:
    """Configuration of one site in `folder`, for a Great Expectations context."""
    return {
        SITE: {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(folder),
            },
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        }
    }


def build_data_docs(context: Any, folder: Path) -> Path:
    """Render what `context` evaluated and return the index page.

    Pages of earlier evaluations are removed: verdicts are kept in the database, pages are for
    reading, and a site that keeps every run gets slower with each one.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    context.build_data_docs(site_names=[SITE])
    return folder / "index.html"
