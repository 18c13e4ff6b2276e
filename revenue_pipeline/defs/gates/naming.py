"""Names of a gate's asset checks."""


def check_name(rule: str) -> str:
    """Name of the asset check of a rule: MOV-001 is gate_mov_001."""
    return f"gate_{rule.lower().replace('-', '_')}"
