"""What the engine claims to be able to do: capabilities.yml beside this file."""

from pathlib import Path

import yaml

from revenue_pipeline.cases.errors import CaseFileError

FILE = Path(__file__).with_name("capabilities.yml")


def claimed(path: Path = FILE) -> frozenset[str]:
    """The claimed capabilities. Raises CaseFileError when the file is no list of texts."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    listed = content.get("capabilities") if isinstance(content, dict) else None
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise CaseFileError(f"{path}: needs a list `capabilities`")
    return frozenset(listed)
