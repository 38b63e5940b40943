"""The photograph: its pixels for k-means, and the picture of the result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Width of the white stripe between the two halves of the picture, in pixels.
GAP = 8


def load_photo(shrink: int = 1) -> NDArray[np.uint8]:
    """Load scikit-learn's sample photograph ``china.jpg`` (640 x 427).

    Args:
        shrink: take every ``shrink``-th row and column.

    Returns:
        Colours from 0 to 255, with shape ``(height, width, 3)``.

    Example:
        >>> load_photo(shrink=4).shape  # doctest: +SKIP
        (107, 160, 3)
    """
    from sklearn.datasets import load_sample_image

    photo: NDArray[np.uint8] = load_sample_image("china.jpg")
    return photo[::shrink, ::shrink]


def pixels_of(photo: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Turn a picture into one row for each pixel, with colours from 0 to 1.

    Args:
        photo: shape ``(height, width, 3)``.

    Returns:
        Shape ``(height * width, 3)``, contiguous. In double precision, because
        the order of additions depends on the number of threads, and in single
        precision that alone moves the result by some 0.003 %.
    """
    import numpy as np

    return np.ascontiguousarray(photo.reshape(-1, 3), dtype=np.float64) / 255


def write_comparison(
    photo: NDArray[np.uint8],
    labels: NDArray[np.int32],
    centers: NDArray[np.float64],
    path: Path,
) -> tuple[int, int]:
    """Write the photograph and its quantized twin side by side, as a PNG.

    Args:
        photo: shape ``(height, width, 3)``.
        labels: for each pixel of ``photo``, the number of its centre.
        centers: colours from 0 to 1, shape ``(colors, 3)``.
        path: where to write; a file that is there is replaced.

    Returns:
        Width and height of the picture, in pixels: ``(2 * width + GAP, height)``.

    Raises:
        OSError: ``path`` cannot be written.
    """
    import numpy as np
    from PIL import Image

    palette = np.rint(np.clip(centers, 0, 1) * 255).astype(np.uint8)
    quantized = palette[labels].reshape(photo.shape)
    stripe = np.full((photo.shape[0], GAP, 3), 255, dtype=np.uint8)
    picture = Image.fromarray(np.hstack([photo, stripe, quantized]))
    picture.save(path, format="PNG")
    return picture.size
