"""Everything on the page has an accessible name, enough contrast and a place: axe finds nothing in any view.

Views with a result, a video that is cut or a message are looked at in `test_browser`.
"""

import pytest

from tests.app.browser import Visit, violations


def test_axe_sees_what_is_wrong(visit: Visit) -> None:
    page = visit("/login")
    page.evaluate("document.querySelector('label').remove()")
    page.evaluate("document.querySelector('h1').style.color = '#8888'")
    found = violations(page)
    for scheme in ("light", "dark"):
        for rule in ("label", "color-contrast"):
            assert any(line.startswith(f"{scheme}: {rule} (") for line in found), found


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/login?wrong", "[role=alert]"),
        ("/live", ".model"),
        ("/train", ".drop"),
        ("/runs", ".run"),
        ("/runs/tiny", ".curve"),
    ],
)
def test_nothing_is_wrong_in_a_view(visit: Visit, path: str, shown: str) -> None:
    page = visit(path)
    page.wait_for_selector(shown)
    assert violations(page) == []
