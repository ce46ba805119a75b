"""What a page shows comes a little after what asks for it: `expect` waits; a plain assertion would race with it."""

import pytest

from web.page.conftest import MOST_WAITED

expect = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install 'livepool[test]'").expect
expect.set_options(timeout=MOST_WAITED)
