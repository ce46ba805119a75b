"""A buyer in a terminal, from the data of `kept.buyers`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from schemas.values import parse_time
from streams.core.definitions import Language, Text
from streams.words.language import NOTHING, name_of_carrier, name_of_mode, when, yuan

LATEST = 20  # orders, visits and touchpoints that are shown unless all are asked for

_PROFILE = {
    "stage": Text("Stage", "阶段"),
    "home_store_id": Text("Home store", "归属门店"),
    "guide_id": Text("Guide", "导购"),
    "groups": Text("Groups", "社群"),
    "tags": Text("Tags", "标签"),
    "sharer_id": Text("First sharer", "首位分享者"),
    "orders": Text("Paid orders", "支付订单"),
    "net_fen": Text("Net", "净额"),
    "last_order_at": Text("Last order", "最近下单"),
    "sessions_seen": Text("Sessions seen", "看过场次"),
    "last_session_id": Text("Last session", "最近场次"),
    "first_seen": Text("First seen", "首次出现"),
    "last_seen": Text("Last seen", "最近出现"),
}
_STAGES = {
    "repeat_buyer": Text("repeat buyer", "复购客户"),
    "buyer": Text("buyer", "已购客户"),
    "member": Text("member of the pool", "私域成员"),
    "visitor": Text("visitor", "访客"),
}
_DONE = {
    "entered": Text("entered", "进入"),
    "left": Text("left", "离开"),
    "commented": Text("comments", "评论"),
    "liked": Text("likes", "点赞"),
    "shared": Text("shares", "分享"),
    "followed": Text("followed", "关注"),
    "joined_fan_club": Text("joined the fan club", "加入粉丝团"),
    "clicked": Text("product clicks", "商品点击"),
    "carted": Text("put into the cart", "加购"),
}
_TOUCHPOINTS = {
    "scan.code.scanned": Text("scanned a code", "扫码"),
    "share.opened": Text("opened a share", "打开分享"),
    "pool.contact.added": Text("became a contact", "添加好友"),
    "pool.contact.removed": Text("ended a contact", "删除好友"),
    "pool.group.joined": Text("joined a group", "加入社群"),
    "pool.group.left": Text("left a group", "退出社群"),
}
_PARTS = {"store": Text("store", "门店"), "anchor": Text("anchor", "主播"), "mode": Text("mode", "模式")}


def show_buyer(data: Mapping[str, Any], console: Console, lang: Language, zone: ZoneInfo, everything: bool) -> None:
    """Print a buyer; the latest comes first."""
    view = _View(console, lang, zone, None if everything else LATEST)
    view.profile(data)
    view.orders(data["orders"])
    view.visits(data["visits"])
    view.touchpoints(data["touchpoints"])


class _View:
    def __init__(self, console: Console, lang: Language, zone: ZoneInfo, most: int | None) -> None:
        self.console = console
        self.lang = lang
        self.zone = zone
        self.most = most

    def say(self, en: str, zh: str) -> str:
        return Text(en, zh).in_(self.lang)

    def time(self, text: str | None) -> str:
        return NOTHING if text is None else when(parse_time(text), self.zone)

    def profile(self, data: Mapping[str, Any]) -> None:
        self.console.print(f"{self.say('Buyer', '买家')} {data['buyer_id']}", style="bold")
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for identifier in data["identifiers"]:
            namespace, _, value = identifier.partition(":")
            grid.add_row(namespace, value)
        if data["anonymous"]:
            grid.add_row(
                self.say("erased", "已删除"),
                self.say("identifiers deleted on request; amounts stay", "标识已按请求删除，金额保留"),
            )
        for name, label in _PROFILE.items() if data["profile"] else ():
            grid.add_row(label.in_(self.lang), self._value(name, data["profile"][name]))
        self.console.print(Padding(grid, (0, 0, 0, 2)))

    def _value(self, name: str, value: Any) -> str:
        if value is None or value == []:
            return NOTHING
        if name == "stage":
            return _STAGES[value].in_(self.lang)
        if name == "net_fen":
            return yuan(value, self.lang)
        if name in ("first_seen", "last_seen", "last_order_at"):
            return self.time(value)
        return ", ".join(value) if isinstance(value, list) else str(value)

    def orders(self, orders: list[Mapping[str, Any]]) -> None:
        for order in self._latest(self.say("Orders", "订单"), orders):
            self.console.print(Padding(self._order(order), (0, 0, 0, 2)))
            for line in order["lines"]:
                self.console.print(Padding(self._line(line), (0, 0, 0, 4)))

    def _order(self, order: Mapping[str, Any]) -> str:
        facts = [f"{name_of_carrier(order['carrier'], self.lang)} {order['order_id']}"]
        facts.append(f"{self.say('placed', '下单')} {self.time(order['placed_at'])}")
        if order["paid_at"] is None:
            facts.append(self.say("not paid", "未支付"))
        else:
            facts.append(f"{self.say('net', '净额')} {yuan(order['net_fen'], self.lang)}")
            facts.append(self.say("final", "已定") if order["final"] else self.say("open", "可修订"))
        if order["new_buyer"]:
            facts.append(self.say("first order", "首单"))
        return " · ".join(facts)

    def _line(self, line: Mapping[str, Any]) -> Table:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        amount = yuan(line["amount_fen"], self.lang)
        if line["refunded_fen"]:
            amount += f" − {self.say('refunded', '退款')} {yuan(line['refunded_fen'], self.lang)}"
        grid.add_row(f"{self.say('line', '行')} {line['line_id']}", f"{line['item_id']} × {line['quantity']}  {amount}")
        for dimension, label in _PARTS.items():
            why = line["store" if dimension == "store" else "live"]
            grid.add_row(
                f"  {label.in_(self.lang)}",
                f"{self._credited(line, dimension)}  ({why['rule']}, {why['tier']})",
            )
        return grid

    def _credited(self, line: Mapping[str, Any], dimension: str) -> str:
        def name(party: str) -> str:
            return name_of_mode(party, self.lang) if dimension == "mode" else party

        if line["credits"] is None:
            return ", ".join(map(name, line["parties"][dimension]))
        held = line["credits"][dimension] or dict.fromkeys(line["parties"][dimension], 0)
        return ", ".join(f"{name(party)} {yuan(fen, self.lang)}" for party, fen in held.items())

    def visits(self, visits: list[Mapping[str, Any]]) -> None:
        table = self._table(
            self.say("From", "从"),
            self.say("to", "到"),
            self.say("session", "场次"),
            self.say("what", "行为"),
        )
        for visit in self._latest(self.say("Visits of live rooms", "直播间访问"), visits):
            done = ", ".join(f"{_DONE[name].in_(self.lang)} {count}" for name, count in visit["events"].items())
            named = self._named({"sharer": visit["sharers"], "token": visit["tokens"]})
            until = when(parse_time(visit["last"]), self.zone, "%H:%M:%S")
            table.add_row(
                self.time(visit["first"]), until, visit["session_id"], "; ".join(filter(None, (done, *named)))
            )
        self._print(table)

    def touchpoints(self, touchpoints: list[Mapping[str, Any]]) -> None:
        table = self._table(self.say("When", "时间"), self.say("what", "行为"), self.say("named", "指向"))
        for fact in self._latest(self.say("Scans, shares, contacts", "扫码、分享、好友"), touchpoints):
            named = {name.removesuffix("_id"): [value] for name, value in fact["named"].items()}
            named |= {name: [fact[name]] for name in ("token", "chat_id") if fact[name]}
            if fact["token_fault"]:
                named["token"] = [f"{fact['token']} ({fact['token_fault']})"]
            table.add_row(
                self.time(fact["time"]),
                _TOUCHPOINTS[fact["type"]].in_(self.lang),
                ", ".join(self._named(named)),
            )
        self._print(table)

    def _named(self, values: Mapping[str, Iterable[str]]) -> Iterator[str]:
        for name, found in values.items():
            for value in found:
                yield f"{name} {value}"

    def _table(self, *titles: str) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
        for title in titles[:-1]:
            table.add_column(title, no_wrap=True)
        table.add_column(titles[-1], overflow="fold")
        return table

    def _print(self, table: Table) -> None:
        if table.row_count:
            self.console.print(Padding(table, (0, 0, 0, 2)))

    def _latest(self, title: str, found: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Print a heading, and give what is to be shown beneath."""
        shown = found[: self.most]
        hidden = len(found) - len(shown)
        more = self.say(
            f" (the latest {len(shown)} of {len(found)}; --all shows all)",
            f"（最近{len(shown)}条，共{len(found)}条；--all 显示全部）",
        )
        self.console.print(f"\n{title}{more if hidden else ''}", style="bold")
        if not found:
            self.console.print(f"  {NOTHING}")
        return shown
