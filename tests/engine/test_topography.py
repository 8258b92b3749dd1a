"""A map of the head keeps what it is made from."""

from __future__ import annotations

import numpy as np

from bci_app.engine.electrodes import flattened
from bci_app.engine.topography import HeadMap, spline_weights


def upper_sphere(n: int, seed: int = 0) -> np.ndarray:
    places = np.random.default_rng(seed).normal(size=(n, 3))
    places[:, 2] = np.abs(places[:, 2])
    return np.asarray(places / np.linalg.norm(places, axis=1, keepdims=True))


def test_at_an_electrode_stands_its_value_and_a_constant_stays_one_everywhere() -> None:
    electrodes, targets = upper_sphere(20), upper_sphere(50, seed=1)
    values = np.random.default_rng(2).normal(size=20)
    smooth = 2 + 3 * electrodes[:, 0] - electrodes[:, 2]
    np.testing.assert_allclose(spline_weights(electrodes, targets).sum(axis=1), 1.0)
    np.testing.assert_allclose(spline_weights(electrodes, electrodes) @ smooth, smooth, atol=0.05)
    found = spline_weights(electrodes, targets) @ smooth
    np.testing.assert_allclose(found, 2 + 3 * targets[:, 0] - targets[:, 2], atol=0.3)
    assert np.corrcoef(spline_weights(electrodes, electrodes) @ values, values)[0, 1] > 0.5


def test_what_stands_at_the_left_is_drawn_at_the_left_and_the_front_is_up() -> None:
    places = {f"e{number}": place for number, place in enumerate(upper_sphere(40))}
    head = HeadMap.of(places, side=21)
    assert head is not None
    x, y = np.array(list(places.values())).T[:2]
    for values, expected in ((x, (0.0, 1.0)), (y, (-1.0, 0.0))):
        picture = head.picture(values)
        down, right = (each[5:16, 5:16].mean() for each in np.gradient(picture))
        np.testing.assert_allclose(np.array([down, right]) / np.hypot(down, right), expected, atol=0.1)
    np.testing.assert_array_equal(head.places[3], flattened(places["e3"]))


def test_the_middle_of_the_map_is_the_vertex_and_its_sides_the_equator() -> None:
    places = dict(zip("abcd", upper_sphere(4), strict=True))
    vertex, nose = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    head = HeadMap.of(places, side=101)
    assert head is not None
    electrodes = np.array(list(places.values()))
    np.testing.assert_allclose(head.weights.reshape(101, 101, 4)[50, 50], spline_weights(electrodes, vertex[None])[0])
    np.testing.assert_allclose(
        head.weights.reshape(101, 101, 4)[0, 50], spline_weights(electrodes, nose[None])[0], atol=0.05
    )


def test_channels_that_are_left_out_do_not_count_and_fewer_than_four_make_no_map() -> None:
    places = dict(zip("abcde", upper_sphere(5), strict=True))
    head = HeadMap.of(places, ("b",), side=4)
    assert head is not None
    assert head.channels == ("a", "c", "d", "e")
    assert HeadMap.of(places, ("a", "b")) is None
