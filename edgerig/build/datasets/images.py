"""Images in a folder, decoded and resized by Pillow."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgerig.build.datasets.dataset import Dataset, Fits, Tensor
from edgerig.build.datasets.folder import open_folder
from edgerig.errors import DatasetError
from edgerig.spec import DatasetSpec, ImagesSpec

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
CHANNELS = {"grey": 1, "rgb": 3, "bgr": 3}


def open_images(spec: DatasetSpec, folder: Path, fits: Fits) -> Dataset:
    """The folder's images, scaled and normalized, in the layout of the model's one input. Raises DatasetError."""
    if spec.images is None:
        raise ValueError("the dataset is none of images")
    images = spec.images
    geometry = _Geometry.of(fits.inputs, images)
    return open_folder(spec, images, folder, fits, SUFFIXES, lambda path: _read(path, images, geometry))


class _Geometry:
    """What the model's input wants of an image."""

    def __init__(self, tensor: Tensor, images: ImagesSpec, first: bool, size: tuple[int, int], channels: int) -> None:
        self.shape = tensor.sample
        self.channels_first = first
        self.size = size
        self.colour = images.colour or ("grey" if channels == 1 else "rgb")
        if CHANNELS[self.colour] != channels:
            raise DatasetError(
                f'dataset.images.colour "{self.colour}" has {CHANNELS[self.colour]} channels, the model\'s input '
                f'"{tensor.name}" {list(tensor.shape)} has {channels}',
                hint='give "grey" for one channel, "rgb" or "bgr" for three',
            )
        for key, numbers in (("mean", images.mean), ("std", images.std)):
            if len(numbers) not in (1, channels):
                raise DatasetError(
                    f"dataset.images.{key} has {len(numbers)} numbers, the model's input has {channels} channels",
                    hint="give one number, or one per channel",
                )

    @classmethod
    def of(cls, inputs: tuple[Tensor, ...], images: ImagesSpec) -> _Geometry:
        tensor = inputs[0]
        shape = tensor.sample
        if len(inputs) != 1 or len(shape) not in (2, 3):
            raise DatasetError(
                "images feed one input of (1, height, width, channels), "
                f"the model has {[list(each.shape) for each in inputs]}",
                hint="use an npz or a factory for such a model",
            )
        if len(shape) == 2:
            return cls(tensor, images, False, (shape[0], shape[1]), 1)
        first = _channels_first(tensor.layout, shape)
        channels, height, width = shape if first else (shape[2], shape[0], shape[1])
        if channels not in (1, 3):
            raise DatasetError(
                f'the model\'s input "{tensor.name}" {list(tensor.shape)} has {channels} channels, images have 1 or 3',
                hint='is its "layout" right?',
            )
        return cls(tensor, images, first, (height, width), channels)


def _channels_first(layout: Literal["NCHW", "NHWC", "any"], shape: tuple[int, ...]) -> bool:
    if layout != "any":
        return layout == "NCHW"
    return shape[0] in (1, 3) and shape[2] not in (1, 3)


def _read(path: Path, spec: ImagesSpec, geometry: _Geometry) -> npt.NDArray[np.float32]:
    image = _decoded(path, "L" if geometry.colour == "grey" else "RGB")
    image = _sized(image, path, spec, geometry.size)
    pixels = np.asarray(image, np.float32).reshape(*geometry.size, -1)
    if geometry.colour == "bgr":
        pixels = pixels[..., ::-1]
    values = (pixels * spec.scale - np.array(spec.mean)) / np.array(spec.std)
    if geometry.channels_first:
        values = values.transpose(2, 0, 1)
    shaped: npt.NDArray[np.float32] = values.reshape(geometry.shape).astype(np.float32)
    return shaped


def _decoded(path: Path, mode: str) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)  # a small file that would fill the memory
            with Image.open(path) as image:
                return image.convert(mode)
    except Exception as error:  # its decoders raise much more than OSError on damaged files
        raise DatasetError(
            f"{path}: not a readable image: {type(error).__name__}: {error}", hint="correct or remove the file"
        ) from error


def _sized(image: Image.Image, path: Path, spec: ImagesSpec, size: tuple[int, int]) -> Image.Image:
    """`image` resized and cropped as the dataset says, which must give the model's `size` (height, width)."""
    height, width = size
    if spec.resize is not None:
        if isinstance(spec.resize, int):
            factor = spec.resize / min(image.size)
            to = (max(spec.resize, round(image.width * factor)), max(spec.resize, round(image.height * factor)))
        else:
            to = (spec.resize[1], spec.resize[0])
        image = image.resize(to, RESAMPLING[spec.interpolation])
    if spec.crop and image.width >= width and image.height >= height:
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.crop((left, top, left + width, top + height))
    if (image.width, image.height) != (width, height):
        after = " after dataset.images.resize and crop" if spec.resize or spec.crop else ""
        raise DatasetError(
            f"{path}: {image.width}×{image.height} pixels (width×height){after}, the model wants {width}×{height}",
            hint=f"give resize = [{height}, {width}], or resize = N (the shorter side) with crop = true",
        )
    return image
