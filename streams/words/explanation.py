"""An explanation (`core.explain`) as text, in Chinese or English, readable without colours at 80 columns."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text as Line

from schemas.values import parse_time
from streams.core.definitions import Language
from streams.words import explaining as words
from streams.words.language import name_of_carrier, name_of_mode, yuan

MOST = 5  # findings of one rule, or events of one list, that are shown; --json has all
_WIDTH = 10  # of the words before a colon

Told = dict[str, Any]


def write(told: Told, lang: Language, console: Console | None = None) -> None:
    """Print an explanation."""
    _Writer(told, lang, console or Console(highlight=False)).write()


class _Writer:
    def __init__(self, told: Told, lang: Language, console: Console) -> None:
        self.told = told
        self.lang: Language = lang
        self.console = console
        self.zone = ZoneInfo(told["timezone"])
        self.placed_at = parse_time(told["placed_at"])

    def write(self) -> None:
        self._head()
        for line in self.told["lines"]:
            self._line(line)
        self._order_refunds()
        if amendments := self.told["amendments"]:
            self._text(0, self._say("amendments"), "bold")
            for amended in amendments:
                text = self._colon(self._say("of_line", **amended), self._yuan(amended["amount_fen"]))
                self._item(2, f"{self._at(amended['time'])}  {text}")
        for name in ("late", "afterwards"):
            if events := self.told.get(name):
                self._text(0, self._say(name), "bold")
                self._items(2, [self._event(event) for event in events])
        if withdrawn := self.told.get("withdrawn"):
            self._text(0, self._say("withdrawn"), "bold")
            self._items(2, withdrawn)

    # --- the order -------------------------------------------------------------------------------------------

    def _head(self) -> None:
        told = self.told
        state = self._say(told["state"])
        self._text(0, f"{told['order_id']} · {name_of_carrier(told['carrier'], self.lang)} · {state}", "bold")
        new = f" ({self._say('new_buyer')})" if told.get("new_buyer") else ""
        rows = [("buyer", f"{told['buyer_id']}{new}")]
        rows.append(("placed_at", f"{self._at(told['placed_at'])} ({self._say('zone', **told)})"))
        if told["paid_at"]:
            rows.append(("paid_at", self._at(told["paid_at"])))
        net = told["amount_fen"] - told["refunded_fen"]
        amounts = {"paid": told["amount_fen"], "refunded": told["refunded_fen"], "net": net}
        rows.append(("amount", self._say("sum", **{name: self._yuan(fen) for name, fen in amounts.items()})))
        if "final" in told:
            state = "final" if told["final"] else "open"
            rows.append(("decision", self._say(state, final_after=self._at(told["final_after"]))))
        rows.append(("policy", told["policy"]))
        self._pairs(0, [(self._say(name), text) for name, text in rows])
        for name, applies in (
            ("only_placed", told["state"] == "placed"),
            ("behind", not told["processed"]),
            ("not_reproduced", told.get("reproduced") is False),
        ):
            if applies:
                self._text(0, f"! {self._say(name)}")

    def _order_refunds(self) -> None:
        if refunds := self.told["refunds"]:
            self._text(0, self._say("order_refunds"), "bold")
        for refund in refunds:
            of = self._say("of_line" if refund["line_id"] else "of_order", **refund)
            outcome = words.REFUNDS[refund["outcome"]].in_(self.lang)
            amount = self._yuan(refund["amount_fen"])
            self._item(2, f"{self._at(refund['time'])}  {refund['refund_id']}  {amount}, {self._colon(of, outcome)}")
            if len(refund["lines"]) > 1:
                parts = (
                    f"{self._say('of_line', line_id=line)} {self._yuan(fen)}" for line, fen in refund["lines"].items()
                )
                self._text(4, "; ".join(parts))

    # --- one line --------------------------------------------------------------------------------------------

    def _line(self, line: Told) -> None:
        self.console.print()
        self._text(0, self._say("line", **line, amount=self._yuan(line["amount_fen"])), "bold")
        if line["revision"]:
            self._text(0, self._say("sale", **line))
        self._decision(line, "live", ("anchor", "mode"))
        self._decision(line, "store", ("store",))
        if line["refunds"]:
            self._text(2, self._say("refunds"), "bold")
        for refund in line["refunds"]:
            self._item(4, f"{self._at(refund['time'])}  {refund['refund_id']}  {self._yuan(refund['amount_fen'])}")
            for dimension in words.DIMENSIONS:
                parts = (
                    f"{self._party(dimension, party)} {self._yuan(fen)}" for party, fen in refund[dimension].items()
                )
                self._text(6, self._colon(words.DIMENSIONS[dimension].in_(self.lang), ", ".join(parts)))
        if line["history"]:
            self._text(2, self._say("history"), "bold")
        for revision in line["history"]:
            said = self._say("revised", **revision, net=self._yuan(revision["net_fen"]))
            self._item(4, f"{self._at(revision['time'])}  {said}", mark=f"{revision['revision']}.")

    def _decision(self, line: Told, which: str, dimensions: tuple[str, ...]) -> None:
        decided = line[which]
        won = decided["rule"] != "none"
        what = words.RULES[decided["rule"]].in_(self.lang) if won else self._say("none_won")
        tier = words.TIERS[decided["tier"]].in_(self.lang)
        said = self._say("by_rule", rule=decided["rule"], tier=tier, what=what) if won else what
        self._text(2, self._colon(self._say(which), said), "bold")
        rows = []
        if decided["evidence"]:
            rows.append((self._say("evidence"), self._event(decided["evidence"])))
        if which == "live" and line["session_id"]:
            rows.append((self._say("session"), line["session_id"]))
        for dimension in dimensions:
            head = words.DIMENSIONS[dimension].in_(self.lang)
            for credit in line["credits"][dimension]:
                rows.append((head, self._credit(dimension, credit)))
                head = ""
        names = ("guide_id", "sharer_id") if which == "store" else ()
        rows += [(self._say(name), line[name]) for name in names if line[name]]
        self._pairs(4, rows)
        self._tried(decided, won=won)

    def _credit(self, dimension: str, credit: Told) -> str:
        text = f"{self._party(dimension, credit['party_id'])}  {self._yuan(credit['credited_fen'])}"
        if credit["net_fen"] == credit["credited_fen"]:
            return text
        return f"{text}{self._say('net', net=self._yuan(credit['net_fen']))}"

    def _party(self, dimension: str, party: str) -> str:
        if party == "none":
            return words.NOBODY.in_(self.lang)
        return name_of_mode(party, self.lang) if dimension == "mode" else party

    def _tried(self, decided: Told, *, won: bool) -> None:
        lost = [trial for trial in decided["tried"] if trial["outcome"] != "won"]
        if lost:
            self._text(4, self._say("tried" if won else "tried_all"))
        for trial in lost:
            outcome = words.OUTCOMES[trial["outcome"]].in_(self.lang)
            findings = [self._finding(trial["rule"], found) for found in trial["findings"]]
            if len(findings) == 1 and trial["findings"][0]["evidence"] is None:
                self._item(6, self._colon(trial["rule"], outcome, findings[0]))
            else:
                self._item(6, self._colon(trial["rule"], outcome))
                self._items(8, findings, mark=">")
        for trial in decided["tried"]:
            others = [found for found in trial["findings"] if found["code"] != "won"]
            if trial["outcome"] == "won" and others:
                self._text(4, self._say("touches" if others[0]["code"] == "touch" else "also"))
                self._items(6, [self._finding(trial["rule"], found) for found in others])
        if decided["not_tried"]:
            self._text(4, f"{self._say('not_tried')} {', '.join(decided['not_tried'])}")

    def _finding(self, rule: str, found: Told) -> str:
        detail = found | {
            "names": self._names(found),
            "count": len(found.get("stores", ())),
            "by": words.duration(found["by_ms"], self.lang) if "by_ms" in found else None,
            "by_at": self._at(found["by"]["time"]) if "by" in found else None,
        }
        for name in ("expires_at", "removed_at", "next_start"):
            if name in found:
                detail[name] = self._at(found[name])
        code = words.CODES[found["code"]]
        if found["code"] == "nothing" and found.get("seen"):
            code = words.SEEN[rule]
        text = code.in_(self.lang).format(**detail)
        if found.get("known_now"):
            text += words.KNOWN_NOW.in_(self.lang)
        if "next_start" in found:
            text += words.NEXT_START.in_(self.lang).format(**detail)
        evidence = found["evidence"]
        return text if evidence is None or _is_order(evidence) else self._colon(self._event(evidence), text)

    def _names(self, found: Told) -> str:
        named = [text.in_(self.lang).format(found[name]) for name, text in words.NAMES.items() if name in found]
        return ", ".join(named) or words.NAMELESS.in_(self.lang)

    # --- pieces ----------------------------------------------------------------------------------------------

    def _event(self, evidence: Told) -> str:
        """What happened, when, how long before the order, and which event it is."""
        what = words.EVENTS[evidence["type"]].in_(self.lang)
        age = self.placed_at - parse_time(evidence["time"])
        name = "before" if age > 0 else "after" if age < 0 else "at_order"
        when = self._say(name, at=self._at(evidence["time"]), ago=words.duration(abs(age), self.lang))
        return f"{what} {when} [{evidence['source']} {evidence['id']}]"

    def _say(self, name: str, **detail: Any) -> str:
        text = words.SAY[name].in_(self.lang)
        return text.format(**detail) if detail else text

    def _colon(self, *parts: str) -> str:
        return ("：" if self.lang == "zh" else ": ").join(parts)

    def _at(self, time: str) -> str:
        return words.moment_of(parse_time(time), self.zone)

    def _yuan(self, fen: int) -> str:
        return yuan(fen, self.lang)

    def _text(self, indent: int, text: str, style: str = "") -> None:
        self.console.print(Padding(Line(text, style=style), (0, 0, 0, indent), expand=False))

    def _pairs(self, indent: int, rows: Iterable[tuple[str, str]]) -> None:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(min_width=_WIDTH)
        table.add_column(overflow="fold")
        for name, text in rows:
            table.add_row(Line(name), Line(text))
        self.console.print(Padding(table, (0, 0, 0, indent), expand=False))

    def _item(self, indent: int, text: str, mark: str = "-") -> None:
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        table.add_row(Line(mark), Line(text))
        self.console.print(Padding(table, (0, 0, 0, indent), expand=False))

    def _items(self, indent: int, texts: list[str], mark: str = "-") -> None:
        for text in texts[:MOST]:
            self._item(indent, text, mark)
        if len(texts) > MOST:
            self._item(indent, self._say("more", count=len(texts) - MOST), mark)


def _is_order(evidence: Told) -> bool:
    return str(evidence["type"]).startswith("order.")
