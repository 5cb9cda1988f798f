"""Rows picked for a measurement."""

from skae._sampling import evenly_spaced


def test_the_ends_are_among_the_rows():
    assert evenly_spaced(10, 4).tolist() == [0, 3, 6, 9]


def test_no_row_comes_twice_where_there_are_few():
    assert evenly_spaced(3, 1000).tolist() == [0, 1, 2]
