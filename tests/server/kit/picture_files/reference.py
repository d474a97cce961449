"""The pixels that other programs see in the files: Chromium, and for TIFF libvips.

`make picture-reference` writes them again, where both are there.
"""

from __future__ import annotations

import base64
import importlib
import json
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.server.kit.picture_files import FILES

REFERENCE = Path("tests/fixtures/picture_pixels.npz")
_LIBVIPS_CANNOT = (" 12 bit ", " 32 bit ")
_BROWSER = ("--headless", "--no-sandbox", "--disable-gpu", "--force-color-profile=srgb")
_PAGE = """<pre id="seen"></pre><script>
const files = FILES, seen = {};
(async () => {
  for (const [name, url] of files) {
    const image = new Image();
    image.src = url;
    await new Promise((done, failed) => { image.onload = done; image.onerror = failed; });
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const pen = canvas.getContext("2d");
    pen.fillStyle = "white";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0);
    const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
    seen[name] = [canvas.height, canvas.width, btoa(String.fromCharCode(...pixels))];
  }
  document.getElementById("seen").textContent = JSON.stringify(seen);
})();
</script>"""


def is_seen_by_others(name: str) -> bool:
    """Tell whether another program here reads a file, or reads it as its own format says."""
    return not (name.startswith("tiff") and any(words in name for words in _LIBVIPS_CANNOT))


def key_of(data: bytes) -> str:
    """Return what the pixels of a file are stored under."""
    return f"{zlib.crc32(data):08x}"


def _chromiums(files: dict[str, bytes], program: str) -> dict[str, NDArray[np.uint8]]:
    """Return what a browser draws on white, in one page."""
    urls = [
        (name, f"data:image/{name.split()[0]};base64,{base64.b64encode(data).decode()}")
        for name, data in files.items()
    ]
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(_PAGE.replace("FILES", json.dumps(urls)))
        words = [program, *_BROWSER, "--virtual-time-budget=100000", "--dump-dom", page.as_uri()]
        dom = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    seen = json.loads(dom.split('<pre id="seen">')[1].split("</pre>")[0])
    return {
        name: np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)[:, :, :3]
        for name, (height, width, text) in seen.items()
    }


def _libvips(data: bytes, alpha: bool) -> NDArray[np.uint8]:
    """Return what libvips reads of a TIFF, on white; it takes every extra sample for alpha."""
    image: Any = importlib.import_module("pyvips").Image.new_from_buffer(data, "").autorot()
    if image.hasalpha():
        white = 65535 if image.format == "ushort" else 255
        image = image.flatten(background=[white] * (image.bands - 1)) if alpha else image[0:3]
    pixels: NDArray[np.uint8] = np.atleast_3d(image.colourspace("srgb").numpy())
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))


def main(chromium: str) -> None:
    """Write the reference."""
    tiffs = {name: data for name, data in FILES.items() if name.startswith("tiff")}
    others = {name: data for name, data in FILES.items() if name not in tiffs}
    seen = {key_of(others[name]): pixels for name, pixels in _chromiums(others, chromium).items()}
    for name, data in tiffs.items():
        if is_seen_by_others(name):
            seen[key_of(data)] = _libvips(data, alpha="unknown" not in name)
    np.savez_compressed(REFERENCE, **seen)
    print(f"{REFERENCE}: {len(seen)} pictures")


if __name__ == "__main__":
    main(sys.argv[1])
