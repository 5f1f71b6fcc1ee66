"""Pictures for the zoo: faces out of a photograph, and text on photographs and paper.

The photograph is NASA's of Eileen Collins (public domain), a file of the package scikit-image that the models fetch;
the backgrounds are scikit-learn's two. Text is drawn with Pillow's own font. Networks that were trained on pictures are
calibrated and compared on pictures: on noise their activations are others.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageEnhance, ImageFont
from sklearn.datasets import load_sample_images

Random = np.random.Generator
Arrays = dict[str, npt.NDArray[np.float32]]
Picture = Image.Image

EVALUATED, CALIBRATING = 16, 32
PORTRAIT = "astronaut.png"
FACE, EYES = ((226, 118), 150), (((204, 99), 44), ((249, 101), 44))
"""(Centre, side) in the photograph's 512 by 512 pixels: of the face with MediaPipe's margin, and of the eyes."""
WORDS = ("EXIT", "Main Street", "No parking", "Hello", "Invoice 2024", "48.50", "OPEN", "edge", "Total", "B7XK", "q4mT")


def _cut(picture: Picture, centre: tuple[float, float], side: float, size: int, rng: Random, stray: float) -> Picture:
    """A square of the picture, moved, turned, made larger or smaller and mirrored by chance; `stray` of its side."""
    x, y = (each + side * rng.uniform(-stray, stray) for each in centre)
    half = side * rng.uniform(1 - stray, 1 + stray) / 2
    turned = picture.rotate(rng.uniform(-15, 15), Image.Resampling.BICUBIC, center=(x, y))
    box = (round(x - half), round(y - half), round(x + half), round(y + half))
    found = turned.crop(box).resize((size, size), Image.Resampling.BICUBIC)
    found = ImageEnhance.Brightness(found).enhance(rng.uniform(0.6, 1.2))
    return found.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else found


def _background(width: int, height: int, rng: Random) -> Picture:
    photographs = load_sample_images().images
    photograph = Image.fromarray(photographs[int(rng.integers(len(photographs)))])
    scale = rng.uniform(0.3, 1) * min(photograph.width / width, photograph.height / height)
    left = rng.uniform(0, photograph.width - scale * width)
    top = rng.uniform(0, photograph.height - scale * height)
    return photograph.resize(
        (width, height), Image.Resampling.BICUBIC, (left, top, left + scale * width, top + scale * height)
    )


def _line(width: int, height: int, rng: Random) -> Picture:
    """A line of text that fills the height, dark on light or light on dark."""
    dark, light = (tuple(int(v) for v in rng.integers(low, low + 80, 3)) for low in (0, 170))
    paper, ink = (light, dark) if rng.random() < 0.7 else (dark, light)
    picture = Image.new("RGB", (width, height), paper)
    words = " ".join(rng.choice(WORDS, 3))
    font = ImageFont.load_default(height * rng.uniform(0.5, 0.75))
    ImageDraw.Draw(picture).text((rng.uniform(2, 10), height / 2), words, fill=ink, font=font, anchor="lm")
    return picture


def _page(side: int, rng: Random) -> Picture:
    """Words and pieces of paper with lines on a photograph, or on paper alone."""
    picture = _background(side, side, rng) if rng.random() < 0.7 else Image.new("RGB", (side, side), (235, 230, 225))
    for _ in range(int(rng.integers(2, 7))):
        width, height = int(side * rng.uniform(0.25, 0.7)), int(side * rng.uniform(0.05, 0.12))
        at = int(rng.uniform(0, side - width)), int(rng.uniform(0, side - height))
        picture.paste(_line(width, height, rng), at)
    return picture


def _arrays(one: Callable[[Random], npt.NDArray[np.floating[Any]]]) -> Arrays:
    return {
        split: np.stack([one(np.random.default_rng([seed, n])) for n in range(count)]).astype(np.float32)
        for split, count, seed in (("inputs", EVALUATED, 1), ("calibration", CALIBRATING, 2))
    }


def _signed(picture: Picture) -> npt.NDArray[np.float32]:
    """Pixels within -1…1."""
    return np.asarray(picture, np.float32) / 127.5 - 1


def _channels_first(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(3, H, W), blue first, as OpenCV reads a picture."""
    return np.ascontiguousarray(pixels[:, :, ::-1].transpose(2, 0, 1))


def _portrait(fetched: Path) -> Picture:
    return Image.open(fetched / PORTRAIT).convert("RGB")


def face_detection(fetched: Path) -> Arrays:
    """The portrait at several distances, within -1…1."""
    portrait = _portrait(fetched)
    return _arrays(lambda rng: _signed(_cut(portrait, FACE[0], rng.uniform(180, 420), 192, rng, 0.2)))


def face_landmark(fetched: Path) -> Arrays:
    """Faces within 0…1."""
    portrait = _portrait(fetched)
    return _arrays(lambda rng: np.asarray(_cut(portrait, *FACE, 192, rng, 0.08), np.float32) / 255)


def iris_landmark(fetched: Path) -> Arrays:
    """Eyes within 0…1."""
    portrait = _portrait(fetched)
    return _arrays(lambda rng: np.asarray(_cut(portrait, *EYES[int(rng.integers(2))], 64, rng, 0.08), np.float32) / 255)


def fer_emotion(fetched: Path) -> Arrays:
    """Grey faces within -1…1."""
    portrait = _portrait(fetched).convert("L")
    return _arrays(lambda rng: _signed(_cut(portrait, FACE[0], 115, 64, rng, 0.08))[:, :, None])


def ocr_detection() -> Arrays:
    return _arrays(lambda rng: _channels_first(_signed(_page(320, rng))))


def ddddocr_detection() -> Arrays:
    """Pixels from 0 to 255."""
    return _arrays(lambda rng: _channels_first(np.asarray(_page(416, rng), np.float32)))


def ocr_direction() -> Arrays:
    """Lines of text, every second one upside down."""

    def one(rng: Random) -> npt.NDArray[np.float32]:
        line = _line(192, 48, rng)
        return _channels_first(_signed(line.rotate(180) if rng.random() < 0.5 else line))

    return _arrays(one)


def ocr_recognition() -> Arrays:
    return _arrays(lambda rng: _channels_first(_signed(_line(320, 48, rng))))


def ddddocr_recognition() -> Arrays:
    """Grey lines within -1…1."""
    return _arrays(lambda rng: _signed(_line(160, 64, rng).convert("L"))[None])
