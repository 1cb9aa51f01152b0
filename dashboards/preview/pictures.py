"""Pictures small enough to be kept in the repository."""

from pathlib import Path

from PIL import Image

COLOURS = 128


def shrink(path: Path) -> None:
    """Write a PNG again with a palette of its own."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(
            COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )
    small.save(path, optimize=True)
