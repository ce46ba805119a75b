"""What every number of a live room means (spec §6), for whoever shows it: terminal, web board, documentation.

The names and their order are those of `schemas.rooms.Window`. "People" are buyers (spec §3), never events.
"""

from typing import Literal, NamedTuple

Language = Literal["en", "zh"]
Unit = Literal["events", "people", "orders", "sales", "items", "seconds", "fen", "ratio", "records", "text"]


class Text(NamedTuple):
    """The same thing in both languages."""

    en: str
    zh: str

    def in_(self, language: Language) -> str:
        """The text in one language."""
        return self.zh if language == "zh" else self.en


class Definition(NamedTuple):
    """One number: its unit, what it is called in a table, and what it counts."""

    unit: Unit
    label: Text
    text: Text


DEFINITIONS: dict[str, Definition] = {
    "views": Definition(
        "events",
        Text("Views", "观看次数"),
        Text(
            "Entries into the session; one person may enter several times.",
            "进入直播间的次数，同一人可多次进入。",
        ),
    ),
    "viewers": Definition(
        "people",
        Text("Viewers", "观看人数"),
        Text(
            "People with any viewer or product event in the session.",
            "在本场有任一观看或商品行为的去重人数。",
        ),
    ),
    "online": Definition(
        "people",
        Text("Online", "在线人数"),
        Text(
            "Stays open at the last whole minute up to the session's latest event; 0 once the session has ended. "
            "A stay ends when the viewer leaves, or one presence timeout after their last event.",
            "截至本场最新事件的最近整分钟仍在停留的人数，下播后为 0。"
            "观众离开、或最后一次行为后超过在场超时即视为停留结束。",
        ),
    ),
    "peak_online": Definition(
        "people",
        Text("Peak online", "最高在线"),
        Text(
            "The largest number online at a whole minute before the session's end.",
            "下播前各整分钟在线人数的最大值。",
        ),
    ),
    "avg_watch_seconds": Definition(
        "seconds",
        Text("Average watch time", "人均观看时长"),
        Text(
            "Time between the first and the last event of all stays, divided by viewers.",
            "所有停留从首次到末次行为的总时长 ÷ 观看人数。",
        ),
    ),
    "comments": Definition("events", Text("Comments", "评论数"), Text("Comments, by their count.", "评论次数合计。")),
    "likes": Definition("events", Text("Likes", "点赞数"), Text("Likes, by their count.", "点赞次数合计。")),
    "shares": Definition(
        "events",
        Text("Shares", "分享数"),
        Text("Shares of the room, by their count.", "分享直播间次数合计。"),
    ),
    "follows": Definition("events", Text("Follows", "新增关注"), Text("Follows, by their count.", "关注次数合计。")),
    "fan_club_joins": Definition(
        "events",
        Text("Fan club joins", "加入粉丝团"),
        Text("Joins of the fan club, by their count.", "加入粉丝团次数合计。"),
    ),
    "product_clicks": Definition(
        "events",
        Text("Product clicks", "商品点击"),
        Text("Clicks on products and additions to the cart.", "商品点击与加购次数合计。"),
    ),
    "clickers": Definition(
        "people",
        Text("Clickers", "商品点击人数"),
        Text("People who clicked a product or put it into the cart.", "点击商品或加购的去重人数。"),
    ),
    "scans": Definition(
        "events",
        Text("Scans", "扫码次数"),
        Text(
            "Scans that count for the session: the one that the code or its token names, else the one whose "
            "stay the buyer was in.",
            "计入本场的扫码次数：码或其渠道参数指明的场次，否则为扫码时正在停留的场次。",
        ),
    ),
    "scanners": Definition(
        "people", Text("Scanners", "扫码人数"), Text("People with such a scan.", "有上述扫码的去重人数。")
    ),
    "pool_joins": Definition(
        "people",
        Text("Pool joins", "私域加入人数"),
        Text(
            "People who became a WeCom contact or joined a group in the session.",
            "本场内添加企业微信好友或加入社群的去重人数。",
        ),
    ),
    "orders_placed": Definition(
        "orders",
        Text("Orders placed", "下单数"),
        Text(
            "Orders with a line that the session won, by the time they were placed; cancelled ones included.",
            "至少一行归因到本场的下单数（按下单时间），含后来取消的订单。",
        ),
    ),
    "orders_paid": Definition(
        "orders",
        Text("Orders paid", "支付订单数"),
        Text("Paid orders with a line that the session won.", "至少一行归因到本场的已支付订单数。"),
    ),
    "buyers": Definition(
        "people",
        Text("Buyers", "成交人数"),
        Text("People with a paid order of the session.", "在本场有已支付订单的去重人数。"),
    ),
    "new_buyers": Definition(
        "people",
        Text("New buyers", "新客成交人数"),
        Text(
            "Buyers whose first paid order ever (by the time it was placed) is one of the session.",
            "首笔已支付订单（按下单时间）属于本场的成交人数。",
        ),
    ),
    "units": Definition(
        "items",
        Text("Units", "成交件数"),
        Text("Quantity in the paid lines of the session.", "本场已支付订单行的件数。"),
    ),
    "gmv_created_fen": Definition(
        "fen",
        Text("GMV created", "下单GMV"),
        Text(
            "Amount of the placed lines of the session, paid or not, as amended.",
            "本场下单行的金额（含未支付，按改价后计）。",
        ),
    ),
    "gmv_paid_fen": Definition(
        "fen",
        Text("GMV paid", "支付GMV"),
        Text("Amount of the paid lines of the session.", "本场已支付订单行的金额。"),
    ),
    "refunded_fen": Definition(
        "fen",
        Text("Refunded", "退款金额"),
        Text("Refunds of those lines, by the time of the refund.", "上述订单行的退款金额（按退款时间）。"),
    ),
    "gmv_net_fen": Definition("fen", Text("GMV net", "净GMV"), Text("GMV paid less refunded.", "支付GMV − 退款金额。")),
    "conversion": Definition(
        "ratio", Text("Conversion", "成交转化率"), Text("Buyers / viewers.", "成交人数 ÷ 观看人数。")
    ),
    "click_conversion": Definition(
        "ratio",
        Text("Click conversion", "点击成交率"),
        Text("Buyers / clickers.", "成交人数 ÷ 商品点击人数。"),
    ),
    "average_order_fen": Definition(
        "fen", Text("Average order", "客单价"), Text("GMV paid / orders paid.", "支付GMV ÷ 支付订单数。")
    ),
    "uv_value_fen": Definition(
        "fen", Text("Value per viewer", "UV价值"), Text("GMV paid / viewers.", "支付GMV ÷ 观看人数。")
    ),
    "gpm_fen": Definition(
        "fen", Text("GPM", "千次观看成交额"), Text("GMV paid per 1,000 views.", "1000 × 支付GMV ÷ 观看次数。")
    ),
    "pool_rate": Definition(
        "ratio", Text("Pool rate", "私域转化率"), Text("Pool joins / viewers.", "私域加入人数 ÷ 观看人数。")
    ),
    "refund_rate": Definition(
        "ratio", Text("Refund rate", "退款率"), Text("Refunded / GMV paid.", "退款金额 ÷ 支付GMV。")
    ),
}
"""Name in `room.snapshot` -> what it means. A ratio, and an amount per something, is null when its divisor is 0."""
