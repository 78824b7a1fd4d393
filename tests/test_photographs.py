"""`make photographs` on two small sets."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from denoiser import Denoiser
from tools import photographs


def test_each_method_is_scored_on_each_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for folder in ("PolyU/clean", "PolyU/noisy", "Set12"):
        (tmp_path / folder).mkdir(parents=True)
    for number in range(2):
        colors = rng.integers(30, 226, (3, 3, 3), np.uint8)
        clean = np.asarray(Image.fromarray(colors).resize((99, 98)), float)
        noisy = np.clip(clean + rng.normal(0, 10, clean.shape), 0, 255)
        for folder, pixels in (("PolyU/clean", clean), ("PolyU/noisy", noisy), ("Set12", clean)):
            picture = Image.fromarray(np.rint(pixels).astype(np.uint8))
            picture = picture.convert("L") if folder == "Set12" else picture
            picture.save(tmp_path / folder / f"{number}.png")
    monkeypatch.setattr(photographs, "FOLDER", tmp_path)
    monkeypatch.setattr(photographs, "TABLE", tmp_path / "table.csv")
    monkeypatch.setattr(photographs, "FIGURE", tmp_path / "figure.png")
    monkeypatch.setattr(photographs, "PARTS", [("0", 1, 2), ("1", 0, 0)])
    monkeypatch.setattr(photographs, "unseen", lambda presets: photographs.on_noisy(Denoiser()))
    monkeypatch.setattr(photographs, "SIGMAS", ("25",))
    monkeypatch.setattr(photographs, "SETS", {"Set12": ("25",), "PolyU": ("none", "camera")})
    monkeypatch.setattr(photographs, "BM3D_SECONDS", 0.01)
    photographs.main()
    table = pd.read_csv(tmp_path / "table.csv").set_index(["set", "noise", "method"])
    methods = ["photo", "photo-gaussian", "nlm", "bm3d", "photo, same pictures"]
    assert list(table.loc["PolyU"].loc["camera"].index) == methods
    assert list(table.loc["PolyU"].loc["none"].index) == ["photo", "photo-gaussian"]
    assert table["pictures"].tolist() == [2, 2, 2, 2, 2, 2, 2, 2, 1, 1]
    gains = table["psnr"] - table["noisy_psnr"]
    assert (gains["PolyU"]["camera"] > 2).all()
    # Of noise with a standard deviation of 25/255.
    noisy_psnr = table["noisy_psnr"]["Set12", "25", "photo"]
    assert noisy_psnr == pytest.approx(20 * np.log10(255 / 25), abs=0.2)
    assert Image.open(tmp_path / "figure.png").size == (3 * 3 * 88, 18 + 2 * 3 * 88)
