"""Pages as tests open them, and pictures of them for the README, small enough for a repository."""

import io
from pathlib import Path
from typing import Any, Literal, Protocol

PATIENCE_MS = 60_000
"""How long is waited for what a page is to show: the machine may be busy."""
WIDTHS = {"desk": (1440, 900), "phone": (390, 844)}
Width = Literal["desk", "phone"]
Scheme = Literal["light", "dark"]
MOST_BYTES = 150_000
_COLOURS = (256, 128, 64, 32)


class OpenPage(Protocol):
    """The fixture `open_page`."""

    def __call__(
        self,
        url: str,
        *,
        width: Width = "desk",
        scheme: Scheme = "light",
        size: tuple[int, int] | None = None,
    ) -> Any: ...


class Pictures:
    """Keeps pictures in a directory; in None, nothing is kept."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def take(self, page: Any, name: str, **clip: float) -> None:
        """Keeps what the page shows as NAME.png. `clip`: x, y, width and height of the part that matters.

        Raises:
            AssertionError: it cannot be made small enough.
        """
        if self._directory is None:
            return
        page.mouse.move(0, 0)
        shot = page.screenshot(animations="disabled", **({"clip": clip} if clip else {}))
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / f"{name}.png").write_bytes(_small(shot))


def _small(png: bytes) -> bytes:
    """The same picture in as many colours as it may have."""
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in _COLOURS:
        packed = io.BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
        if packed.tell() <= MOST_BYTES:
            return packed.getvalue()
    raise AssertionError(f"{packed.tell()} bytes in {colours} colours: take a part of the page")
