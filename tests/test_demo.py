"""`make demo`: the page in a headless Chromium."""

import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from tests.conftest import Clone

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


def wait_for_change(page: Page, before: list[str]) -> list[str]:
    """The titles once there are four, each score differs from those before, and none changes."""
    deadline, after = time.monotonic() + 60, list[str]()
    while time.monotonic() < deadline:
        last, after = after, page.locator("p:has(strong)").all_inner_texts()
        if len(after) == 4 and not set(after[1:]) & set(before) and after == last:
            return after
        time.sleep(2)  # a slider may cause several updates, which change the titles one by one
    pytest.fail(f"the page still shows {before}")


def psnr(title: str) -> float:
    return float(re.findall(r"PSNR ([\d.]+) dB, SSIM", title)[0])


def test_the_page_shows_a_test_image_and_follows_the_slider(page: Page) -> None:
    clean, *results = wait_for_change(page, [])
    assert clean.split() == ["clean"]
    assert [title.splitlines()[0] for title in results] == ["noisy", "models/denoiser.onnx", "tv"]
    noisy, denoised, classical = map(psnr, results)
    assert noisy < min(denoised, classical)
    page.locator("img").nth(3).wait_for()
    picture = page.locator("img").nth(1).get_attribute("src") or ""
    page.get_by_label("Amount of noise").first.fill("0.3")
    after = wait_for_change(page, [clean, *results])
    assert psnr(after[1]) > noisy + 5
    expect(page.locator("img").nth(1)).not_to_have_attribute("src", picture)


def test_an_upload_is_denoised_or_refused(page: Page, tmp_path: Path) -> None:
    before = wait_for_change(page, [])
    Image.new("RGB", (90, 70), (200, 100, 50)).save(tmp_path / "own.png")
    (tmp_path / "bad.png").write_text("no picture")
    upload = page.locator("input[type=file]")
    upload.set_input_files(tmp_path / "own.png")
    after = wait_for_change(page, before)
    page.get_by_label("Clear").first.click()
    assert wait_for_change(page, after) == before
    upload.set_input_files(tmp_path / "bad.png")
    page.get_by_text("bad.png is not a picture that Pillow can read").wait_for()


def test_an_amount_that_is_a_fraction_is_at_most_1(page: Page) -> None:
    amount = page.locator("input[type=range]").nth(1)
    amount.fill("1.5")
    page.get_by_label("Noise", exact=True).click()
    page.get_by_role("option", name="masking").click()
    expect(amount).to_have_attribute("max", "1")
    expect(amount).to_have_value("1")


def test_without_data_the_command_names_the_remedy(tmp_path: Path) -> None:
    output = Clone.of_workspace(tmp_path).fail("python", "-m", "tools.demo")
    assert output.splitlines()[-1].endswith("does not exist: run `dvc repro` first")
