"""Numbers with nouns."""

from atomsmith.wording import counted


def test_one_is_singular_and_thousands_are_marked():
    assert [counted(n, "row") for n in (0, 1, 2, 12345)] == ["0 rows", "1 row", "2 rows", "12,345 rows"]
