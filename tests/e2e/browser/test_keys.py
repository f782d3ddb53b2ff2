"""An admin makes a key in the browser, sees its secret once, and ends it."""

import pytest
from playwright.sync_api import Browser, expect

from service.domain.errors import Unauthenticated
from tests.support.chromium import watched_page
from tests.support.web_service import WebService

pytestmark = pytest.mark.browser


def test_a_key_is_made_shown_once_and_ended(browser: Browser, web: WebService) -> None:
    with watched_page(browser) as page:
        page.goto(web.login_link())
        page.get_by_role("link", name="Keys").click()
        page.get_by_label("Name").fill("<i>ci</i>")
        page.get_by_label("Days").fill("3")
        page.get_by_role("button", name="Make it").click()
        secret = page.locator("[data-secret] code")
        expect(secret).to_contain_text("kbfgs_")
        told = secret.text_content() or ""
        assert web.service.keys.authenticate(told).name == "<i>ci</i>"
        row = page.get_by_role("row").filter(has_text="<i>ci</i>")
        expect(row).to_contain_text("live")
        page.on("dialog", lambda dialog: dialog.accept())
        row.get_by_role("button", name="Revoke").click()
        expect(row).to_contain_text("revoked")
        page.reload()
        expect(page.get_by_text(told)).to_have_count(0)
    with pytest.raises(Unauthenticated):
        web.service.keys.authenticate(told)
