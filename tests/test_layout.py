"""denoiser/layout.py: rows of values as images, and pictures cut into squares."""

import numpy as np
import pytest

from denoiser import layout


@pytest.mark.parametrize(
    ("length", "expected"), [(1, (1, 1)), (3, (1, 3)), (784, (28, 1)), (2352, (28, 3))]
)
def test_the_length_of_a_row_determines_side_and_channels(
    length: int, expected: tuple[int, int]
) -> None:
    assert layout.side_and_channels(length) == expected


@pytest.mark.parametrize("length", [0, 2, 783, 2353])
def test_other_lengths_are_rejected(length: int) -> None:
    with pytest.raises(ValueError, match=f"{length} values"):
        layout.side_and_channels(length)


def test_no_length_is_both_gray_and_rgb() -> None:
    sides = range(1, 2000)
    assert not {side**2 for side in sides} & {3 * side**2 for side in sides}


def test_planes_are_the_channels_of_each_image() -> None:
    images = np.arange(24).reshape(2, 12)  # two images of 2x2 pixels, red, green and blue
    planes = layout.to_planes(images)
    assert planes.tolist() == [
        [[0, 3], [6, 9]], [[1, 4], [7, 10]], [[2, 5], [8, 11]],
        [[12, 15], [18, 21]], [[13, 16], [19, 22]], [[14, 17], [20, 23]],
    ]  # fmt: skip
    assert (layout.from_planes(planes, 3) == images).all()


def test_cut_covers_a_picture_and_the_last_squares_end_at_its_edges() -> None:
    picture = np.arange(15).reshape(3, 5, 1)
    rows = [squares.tolist() for squares in layout.cut(picture, 2, 2)]
    assert rows == [
        [[0, 1, 5, 6], [2, 3, 7, 8], [3, 4, 8, 9]],
        [[5, 6, 10, 11], [7, 8, 12, 13], [8, 9, 13, 14]],
    ]


def test_cut_keeps_the_channels_of_a_pixel_together() -> None:
    picture = np.arange(12).reshape(2, 2, 3)
    assert [squares.tolist() for squares in layout.cut(picture, 1, 1)] == [
        [[0, 1, 2], [3, 4, 5]],
        [[6, 7, 8], [9, 10, 11]],
    ]
