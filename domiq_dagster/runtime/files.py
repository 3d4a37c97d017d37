"""Finds the files that are shipped with the package but live at the root of the repository, and writes files
whole.

A wheel carries them under `domiq_dagster/_files/`; a checkout, and so an editable install, has them beside
`pyproject.toml`.
"""

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped(name: str) -> Path:
    """The path of `sql`, `dagster.yaml` or `workspace.yaml`.

    Raises:
        FileNotFoundError: this installation lacks it; one sentence says where it was looked for.
    """
    in_wheel = _PACKAGE / "_files" / name
    if in_wheel.exists():
        return in_wheel
    root = _PACKAGE.parent
    # In site-packages a neighbour called `sql` would be somebody else's.
    if (root / "pyproject.toml").is_file() and (root / name).exists():
        return root / name
    raise FileNotFoundError(
        f"{name} is missing from this installation of domiq-dagster (looked at {in_wheel} and {root / name}):"
        " install it again."
    )


def write_if_different(path: Path, text: str, *, mode: int | None = None) -> None:
    """Whoever reads the file meanwhile finds the old text or the new one, never a part.

    Args:
        mode: who may read it, from its first byte on, such as 0o600.
    """
    if path.exists() and path.read_text() == text:
        return
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(0o666 if mode is None else mode)
    unfinished.write_text(text)
    unfinished.replace(path)
