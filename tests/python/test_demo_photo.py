"""``poolkeeper demo``: the picture that it writes."""

from __future__ import annotations

from pathlib import Path

from poolkeeper.demo import photo


def test_comparison_has_the_original_left_and_the_palette_right(tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    original = np.array([[[0, 10, 20], [250, 240, 230], [1, 11, 21]]] * 2, dtype=np.uint8)
    labels = np.array([0, 1, 0, 0, 1, 0], dtype=np.int32)
    centers = np.array([[0.0, 0.0, 0.0], [1.0, 0.5, 1.2]])
    path = tmp_path / "picture.png"

    size = photo.write_comparison(original, labels, centers, path)

    with Image.open(path) as image:
        written = np.asarray(image.convert("RGB"))
        assert (image.format, image.size) == ("PNG", size)
    assert written.shape == (2, 3 + photo.GAP + 3, 3)
    assert (written[:, :3] == original).all()
    dark, light = [0, 0, 0], [255, 128, 255]
    assert written[:, -3:].tolist() == [[dark, light, dark]] * 2
