"""Pages that are generated say what the code says."""

from expectations.dictionary import PAGE, page


def test_the_page_of_pipelines_is_what_the_contracts_say() -> None:
    assert PAGE.read_text() == page(), "run `make docs`"
