"""The page of `denoise --page`, in a headless Chromium."""

import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from denoiser import Denoiser
from tests.conftest import ROOT, Clone

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Without background networking, which would be refused on a machine without a network.
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]

# The page on a computer so busy that the request by which Gradio tests its page takes 4 seconds.
BUSY = """
import asyncio, runpy, uvicorn
start = uvicorn.Config.__init__
def slow_start(self, app, **settings):
    async def slow(scope, receive, send):
        await asyncio.sleep(4 * (scope.get("method") == "HEAD"))
        await app(scope, receive, send)
    start(self, slow, **settings)
uvicorn.Config.__init__ = slow_start
runpy.run_module("denoiser", run_name="__main__")
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page in a browser; it requests nothing from other addresses, and leaves no file.

    Its temporary folder has a `gradio` that it cannot write to, as another user's.
    """
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None and "CI" not in os.environ:
        pytest.skip("no Chromium is installed")
    clone, temporary = Clone(ROOT), tmp_path_factory.mktemp("temporary")
    (temporary / "gradio").touch()
    clone.env |= {"http_proxy": "http://127.0.0.1:9", "no_proxy": ""}  # where nothing answers
    clone.env |= {"TMPDIR": str(temporary), "GRADIO_TEMP_DIR": f"{temporary}/gradio"}
    process = clone.start("python", "-c", BUSY, "--page")
    try:
        assert process.stdout is not None
        printed = ""
        while not (match := re.search(r"http://[\d.:]+", printed)):
            line = process.stdout.readline()
            assert line, printed
            printed += line
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            page, requests = browser.new_page(), list[str]()
            page.on("request", lambda request: requests.append(request.url))
            page.goto(match[0])
            yield page
            browser.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert [path.name for path in temporary.iterdir()] == ["gradio"]
        assert {urlsplit(request).netloc for request in requests} == {urlsplit(match[0]).netloc}
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        print(process.communicate()[0])  # pytest shows it if a test fails


def test_a_picture_is_denoised_compared_and_downloaded_in_full_size(
    page: Page, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (300, 200, 3), np.uint16)
    imagecodecs.imwrite(f"{tmp_path}/photo.png", pixels)
    (tmp_path / "bad.png").write_text("no picture")
    page.locator("input[type=file]").first.set_input_files(tmp_path / "photo.png")
    button = page.get_by_role("button", name="Download the denoised picture")
    expect(button).to_be_enabled(timeout=60_000)
    for number in range(2):  # before and after
        expect(page.get_by_test_id("imageslider-image").nth(number)).to_be_visible()
    page.get_by_label("Strength").first.fill("0.5")
    time.sleep(5)  # the button stays enabled while the picture is denoised again
    with page.expect_download() as download:
        button.click()
    assert download.value.suggested_filename == "photo-denoised.png"
    result = imagecodecs.imread(str(download.value.path()))
    expected = Denoiser("photo")(pixels, strength=0.5)
    np.testing.assert_allclose(result.astype(float), expected, atol=1)
    page.get_by_label("Clear").first.click()
    page.locator("input[type=file]").first.set_input_files(tmp_path / "bad.png")
    page.get_by_text("bad.png is not a picture that Pillow can read").wait_for()
    page.get_by_test_id("toast-close").click()


def test_an_upload_with_the_name_of_a_preview_is_kept_and_losses_are_shown(
    page: Page, tmp_path: Path
) -> None:
    path, before = tmp_path / "after.jpg", Image.new("CMYK", (40, 30), (99, 50, 0, 9))
    before.save(path, quality=95)
    page.reload()
    page.locator("input[type=file]").first.set_input_files(path)
    expect(page.get_by_label("Notes")).to_have_value("its CMYK colors are converted to RGB")
    button = page.get_by_role("button", name="Download the denoised picture")
    for strength in ("0.5", "0"):
        page.get_by_label("Strength").first.fill(strength)
        time.sleep(3)
    expect(page.get_by_label("Notes")).to_have_value("its CMYK colors are converted to RGB")
    with page.expect_download() as download:
        button.click()
    with Image.open(download.value.path()) as after:
        assert after.size == (40, 30)
        pixels = np.asarray(after).astype(int)
    np.testing.assert_allclose(pixels, np.asarray(before.convert("RGB")), atol=3)


def test_the_page_reports_a_missing_model_before_it_starts() -> None:
    output = Clone(ROOT).fail("python", "-m", "denoiser", "--page", "--model", "gone.onnx")
    assert output.splitlines()[-1].startswith("gone.onnx: no such model; pass photo, ")
