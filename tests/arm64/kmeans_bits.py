"""Print the bits of some k-means fits, as JSON: to be the same on every processor."""

from __future__ import annotations

import hashlib
import json

import numpy as np
from poolkeeper.cluster import KMeans, MiniBatchKMeans


def rows(dtype: type) -> np.ndarray:
    """Rows from whole numbers alone: no function of the C library has a say."""
    numbers = np.arange(3000 * 7, dtype=np.uint64)
    mixed = (numbers * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)
    return (mixed.reshape(3000, 7) / np.float64(2**20)).astype(dtype)


def bits(model: KMeans | MiniBatchKMeans) -> str:
    """A hash of all that a fit has found."""
    digest = hashlib.sha256()
    digest.update(np.ascontiguousarray(model.cluster_centers_).tobytes())
    digest.update(np.asarray(model.labels_, dtype=np.int64).tobytes())
    digest.update(np.float64(model.inertia_).tobytes())
    return digest.hexdigest()


def main() -> None:
    found = {}
    for dtype in (np.float32, np.float64):
        for init in ("k-means++", "random"):
            for seed in (0, 1):
                options = {"n_clusters": 12, "init": init, "n_init": 1, "random_state": seed}
                name = f"{np.dtype(dtype).name} {init} {seed}"
                found[name] = bits(KMeans(**options).fit(rows(dtype)))
                if seed == 0:
                    batches = MiniBatchKMeans(**options, batch_size=256, max_iter=3)
                    found[f"{name} mini-batch"] = bits(batches.fit(rows(dtype)))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
