"""`make demo`, with the page of `denoise --page`, in a headless Chromium."""

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
from playwright.sync_api import Locator, Page, expect, sync_playwright

from denoiser import Denoiser
from tests.conftest import ROOT, Clone

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Without background networking, which would be refused on a machine without a network.
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def page(digits: Clone) -> Iterator[Page]:
    """The page for the run on digits, in a browser; it requests nothing from other addresses."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None and "CI" not in os.environ:
        pytest.skip("no Chromium is installed")
    demo = Clone(digits.folder)
    demo.env |= {"http_proxy": "http://127.0.0.1:9", "no_proxy": ""}  # where nothing answers
    process = demo.start("python", "-m", "tools.demo")
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
        assert {urlsplit(request).netloc for request in requests} == {urlsplit(match[0]).netloc}
    finally:
        os.killpg(process.pid, signal.SIGKILL)


def wait_for_change(tab: Locator, before: list[str]) -> list[str]:
    """The titles once there are four, each score differs from those before, and none changes."""
    deadline, after = time.monotonic() + 60, list[str]()
    while time.monotonic() < deadline:
        last, after = after, tab.locator("p:has(strong)").all_inner_texts()
        if len(after) == 4 and not set(after[1:]) & set(before) and after == last:
            return after
        time.sleep(2)  # a slider may cause several updates, which change the titles one by one
    pytest.fail(f"the page still shows {before}")


def psnr(title: str) -> float:
    return float(re.findall(r"PSNR ([\d.]+) dB, SSIM", title)[0])


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


@pytest.fixture
def tab(page: Page) -> Locator:
    """The second tab, for the experiments."""
    page.get_by_role("tab", name="Experiments").click()
    return page.locator("[role=tabpanel]:visible")


def test_the_page_shows_a_test_image_and_follows_the_slider(tab: Locator) -> None:
    clean, *results = wait_for_change(tab, [])
    assert clean.split() == ["clean"]
    assert [title.splitlines()[0] for title in results] == ["noisy", "models/denoiser.onnx", "tv"]
    noisy, denoised, classical = map(psnr, results)
    assert noisy < min(denoised, classical)
    tab.locator("img").nth(3).wait_for()
    picture = tab.locator("img").nth(1).get_attribute("src") or ""
    tab.get_by_label("Amount of noise").first.fill("0.3")
    after = wait_for_change(tab, [clean, *results])
    assert psnr(after[1]) > noisy + 5
    expect(tab.locator("img").nth(1)).not_to_have_attribute("src", picture)


def test_an_upload_is_denoised_or_refused(tab: Locator, page: Page, tmp_path: Path) -> None:
    before = wait_for_change(tab, [])
    Image.new("RGB", (90, 70), (200, 100, 50)).save(tmp_path / "own.png")
    (tmp_path / "bad.png").write_text("no picture")
    upload = tab.locator("input[type=file]")
    upload.set_input_files(tmp_path / "own.png")
    after = wait_for_change(tab, before)
    tab.get_by_label("Clear").first.click()
    assert wait_for_change(tab, after) == before
    upload.set_input_files(tmp_path / "bad.png")
    page.get_by_text("bad.png is not a picture that Pillow can read").wait_for()


def test_an_amount_that_is_a_fraction_is_at_most_1(tab: Locator, page: Page) -> None:
    amount = tab.locator("input[type=range]").nth(1)
    amount.fill("1.5")
    tab.get_by_label("Noise", exact=True).click()
    page.get_by_role("option", name="masking").click()
    expect(amount).to_have_attribute("max", "1")
    expect(amount).to_have_value("1")


def test_the_page_reports_a_missing_model_before_it_starts() -> None:
    output = Clone(ROOT).fail("python", "-m", "denoiser", "--page", "--model", "gone.onnx")
    assert output.splitlines()[-1].startswith("gone.onnx: no such model; pass photo, ")
