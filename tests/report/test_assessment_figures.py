"""Figures of assessments: looks that can be told apart, and nothing that is left out without a mark."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from atomsmith.report.assessment.figures import polymorphs_figure
from atomsmith.report.assessment.looks import COLORS, looks_of

FAMILIES = {
    "ACE": "ACE, 1200 functions",
    "ACE 100": "ACE, 100 functions",
    "MTP fit": "MTP, own fit",
    "MTP": "MTP, published",
    "SNAP fit": "SNAP, own fit",
    "SNAP": "SNAP, published",
    "EAM": "classical, EAM",
    "SW": "classical, SW",
}


def test_few_potentials_have_a_colour_each():
    looks = looks_of({name: "all of one family" for name in list(FAMILIES)[:7]})
    assert len({look.color for look in looks.values()}) == 7


def test_families_share_a_colour_where_there_are_many_and_members_differ():
    looks = looks_of(FAMILIES)
    assert list(looks) == list(FAMILIES)
    for (a, one), (b, other) in itertools.combinations(looks.items(), 2):
        same = FAMILIES[a].split(",")[0] == FAMILIES[b].split(",")[0]
        assert (one.color == other.color) == same
        assert not same or (one.marker != other.marker and one.dashes != other.dashes)


# Machado, Oliveira and Fernandes, IEEE Trans. Vis. Comput. Graph. 15, 1291 (2009): full deuteranopia and
# protanopia, linear RGB.
DEUTERANOPIA = [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
]
PROTANOPIA = [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
]


@pytest.mark.parametrize("vision", [DEUTERANOPIA, PROTANOPIA])
def test_the_first_colours_differ_for_the_colour_blind(vision):
    # CIELAB distances; 2 is what is just seen side by side.
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    rgb = np.array([to_rgb(color) for color in COLORS[:7]])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(vision).T, 0.0, 1.0) @ to_xyz.T / to_xyz.sum(axis=1)
    x, y, z = np.cbrt(np.maximum(seen, 1e-9)).T
    lab = np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)]).T
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(lab, 2)) > 8.0


def test_polymorphs_that_are_gone_or_beyond_the_axis_are_marked():
    energies = {
        "Si": {
            "ACE": {"fcc": (450.0, True), "bcc": (None, True), "sc": (350.0, False), "diamond": (0.0, True)},
            "MTP": {"fcc": (-5e3, True), "bcc": (9e3, True), "sc": (360.0, True), "diamond": (0.0, True)},
            "SW": {"fcc": (400.0, True), "bcc": (300.0, True), "sc": (370.0, True), "diamond": (0.0, True)},
        }
    }
    looks = looks_of({"ACE": "ACE", "MTP": "MTP", "SW": "SW"})
    axes = polymorphs_figure(["Si"], looks, energies, {"Si": {"sc": 355.0}}).axes[0]
    low, high = axes.get_ylim()
    points = {
        (str(line.get_color()), str(line.get_marker())): float(line.get_ydata()[0])
        for line in axes.lines
        if len(line.get_ydata()) == 1
    }
    assert points[looks["ACE"].color, "x"] < low + 0.1 * (high - low)
    assert points[looks["MTP"].color, "7"] < low + 0.1 * (high - low)
    assert points[looks["MTP"].color, "6"] > high - 0.1 * (high - low)
    drawn = [line for line in axes.lines if len(line.get_ydata()) == 1]
    assert len(drawn) == 12
    assert all(low <= float(line.get_ydata()[0]) <= high for line in drawn)
    hollow = [line for line in drawn if str(line.get_markerfacecolor()) == "white"]
    assert [float(line.get_ydata()[0]) for line in hollow] == [350.0]
