#!/usr/bin/env python3
"""Draw pages of text as screens show them, with soft edges: tools/make_pages.py FOLDER

Eight PNG files of made-up words in Pillow's own font, of four sizes, dark on light and light on dark: images in which
the same letters stand again and again, for tools/bench.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw, ImageFont

LETTERS, OFTEN = "etaoinshrdlucmfwypvbgkjqxz", range(26, 0, -1)
SIZES = (12, 14, 18, 24)
SCHEMES = {"light": ((255, 255, 255), (20, 20, 60)), "dark": ((30, 34, 40), (220, 220, 210))}
WIDTH, HEIGHT, MARGIN = 1000, 700, 12


def text(random: Random, length: int = 130) -> str:
    """A line of made-up words, of letters about as common as in English."""
    words: list[str] = []
    while sum(map(len, words)) + len(words) < length:
        words.append("".join(random.choices(LETTERS, OFTEN, k=random.randint(1, 10))))
    return " ".join(words)


def page(lines: list[str], size: int, ground: tuple[int, ...], ink: tuple[int, ...]) -> Image.Image:
    """As many lines as there is room for."""
    image = Image.new("RGB", (WIDTH, HEIGHT), ground)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    for top, line in zip(range(MARGIN, HEIGHT - 2 * size, size * 3 // 2), lines, strict=False):
        draw.text((MARGIN, top), line, ink, font)
    return image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for number, size in enumerate(SIZES):
        random = Random(number)
        lines = [text(random) for _ in range(HEIGHT // size)]
        for name, (ground, ink) in SCHEMES.items():
            page(lines, size, ground, ink).save(folder / f"{name}-{size}.png")


if __name__ == "__main__":
    main()
