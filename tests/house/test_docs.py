"""Pages that are generated say what the code says."""

from expectations.dictionary import PAGE, page


def test_the_page_of_pipelines_is_what_the_contracts_say() -> None:
    is_fresh = PAGE.read_text() == page()
    assert is_fresh, "run `make docs`"
