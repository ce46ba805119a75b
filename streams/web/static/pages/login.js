/** Asks for a token; the server answers with a cookie, which streams can carry, too. */
import { h } from "../dom.js";
import { login as logIn } from "../live/api.js";

/** The page; `again()` shows what was asked for. */
export function login(page, again) {
  const said = h("p", { class: "refused", role: "alert" });
  const input = h("input", { id: "token", type: "password", name: "token", required: true, autocomplete: "current-password" });
  const submit = async (event) => {
    event.preventDefault();
    said.textContent = "";
    try {
      if (await logIn(input.value.trim())) again();
      else said.textContent = page.t("login.wrong");
    } catch (error) {
      said.textContent = page.t("login.failed", { why: error.message });
    }
  };
  const form = h(
    "form",
    { class: "card login", method: "post", action: "login", on: { submit } },
    h("h1", {}, page.t("login")),
    h("label", { for: "token" }, page.t("login.token")),
    input,
    said,
    h("button", { type: "submit" }, page.t("login.enter")),
    h("p", { class: "note" }, page.t("login.help")),
  );
  return { node: h("div", { class: "page" }, form), title: page.t("login"), focus: () => input.focus() };
}
