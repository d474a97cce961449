"""RandAugment's operations by OpenCV, as the public code calls it, kept beside the tests.

    pip install opencv-python-headless
    python -m tests.tuning.data.loading.opencv_reference

writes `opencv_reference.npz` anew: a smooth picture, and what OpenCV makes of it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FILE = Path(__file__).with_suffix(".npz")
SIDE_PX = 64


def smooth_picture() -> NDArray[np.uint8]:
    coarse = np.random.default_rng(0).integers(20, 230, (8, 8, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
    return np.array(picture)


def main() -> None:
    import cv2

    picture = smooth_picture()
    middle = (SIDE_PX / 2, SIDE_PX / 2)
    maps = {
        "ShearX": [[1, 0.21, 0], [0, 1, 0]],
        "ShearY": [[1, 0, 0], [0.21, 1, 0]],
        "TranslateX": [[1, 0, -7], [0, 1, 0]],
        "TranslateY": [[1, 0, 0], [0, 1, -7]],
        "Rotate": cv2.getRotationMatrix2D(middle, 21, 1),
    }
    made = {
        name: cv2.warpAffine(
            picture, np.float32(each), (SIDE_PX, SIDE_PX), borderValue=(128, 128, 128)
        )
        for name, each in maps.items()
    }
    kernel = np.ones((3, 3), np.float32)
    kernel[1, 1] = 5
    smooth = cv2.filter2D(picture, -1, kernel / 13).astype(np.float32)
    sharp = smooth + 1.36 * (picture.astype(np.float32) - smooth)
    made["Sharpness"] = sharp.clip(0, 255).astype(np.uint8)
    np.savez_compressed(FILE, picture=picture, **made)


if __name__ == "__main__":
    main()
