"""What the numbers mean that the live board shows beyond those of a snapshot (spec §6)."""

from streams.core.definitions import Definition, Text

MORE_DEFINITIONS: dict[str, Definition] = {
    "orders_per_minute": Definition(
        "orders",
        Text("Paid orders per minute", "支付订单/分"),
        Text(
            "Paid orders of the session by the minute they were placed in.",
            "按下单时间所在分钟统计的已支付订单数。",
        ),
    ),
    "net_fen_per_minute": Definition(
        "fen",
        Text("GMV net per minute", "净GMV/分"),
        Text(
            "GMV paid less refunded, by the minute the order was placed in.",
            "按下单时间所在分钟统计的净GMV（支付 − 退款）。",
        ),
    ),
    "net_fen_cumulated": Definition(
        "fen",
        Text("GMV net so far", "累计净GMV"),
        Text(
            "GMV net since the start, by the time of the order.",
            "自开播起累计的净GMV，按下单时间。",
        ),
    ),
    "party_sales": Definition(
        "sales",
        Text("Sales", "销售行"),
        Text(
            "Paid order lines of which the party keeps something after refunds; a shared one counts for each.",
            "归属于此方且退款后仍有金额的已支付订单行数；多方共享时各计一次。",
        ),
    ),
    "party_orders": Definition(
        "orders",
        Text("Orders", "订单"),
        Text(
            "Orders with such a line.",
            "含上述订单行的订单数。",
        ),
    ),
    "party_units": Definition(
        "items",
        Text("Units", "件数"),
        Text(
            "Quantity in those lines.",
            "上述订单行的件数。",
        ),
    ),
    "party_paid_fen": Definition(
        "fen",
        Text("Paid", "支付"),
        Text(
            "Amount of the item's paid lines.",
            "该商品已支付订单行的金额。",
        ),
    ),
    "party_refunded_fen": Definition(
        "fen",
        Text("Refunded", "退款"),
        Text(
            "Refunds of those lines.",
            "上述订单行的退款金额。",
        ),
    ),
    "party_net_fen": Definition(
        "fen",
        Text("Net", "净额"),
        Text(
            "Credited amount less refunds; the parties add up to GMV net.",
            "归属金额扣除退款后的余额；各方之和等于净GMV。",
        ),
    ),
    "party_share": Definition(
        "ratio",
        Text("Share", "占比"),
        Text(
            "Net / the net of all stores together.",
            "净额 ÷ 全部门店净额之和。",
        ),
    ),
    "credited_share": Definition(
        "ratio",
        Text("Share", "占比"),
        Text(
            "Net credited by this rule / net of the session.",
            "按此规则归因的净额 ÷ 本场净额。",
        ),
    ),
    "tier": Definition(
        "text",
        Text("Strength of evidence", "证据强度"),
        Text(
            "Certain: the order says so. Strong: a scan or token. Medium: a share, a click, weights. "
            "Weak: presence or the selling store alone.",
            "确定：订单自身写明；强：扫码或订单带码；中：分享、点击、权重等；弱：仅凭在场或发货门店。",
        ),
    ),
    "dead_letters_10m": Definition(
        "events",
        Text("Dead letters, 10 min", "近10分钟死信"),
        Text(
            "Events refused in the last 10 minutes, by any reason (whole installation).",
            "近10分钟内因格式或规则被拒收的事件数（全系统）。",
        ),
    ),
    "lag": Definition(
        "records",
        Text("Waiting", "待处理"),
        Text(
            "Records that have arrived and are not processed yet (whole installation); above 1,000 look at it.",
            "已到达但尚未处理的记录数（全系统）；超过 1,000 需关注。",
        ),
    ),
    "unattributed_store_share": Definition(
        "ratio",
        Text("Without a store", "门店无归属占比"),
        Text(
            "Share of the session's net GMV credited to no store; above 10% look at it.",
            "本场净GMV中没有归到任何门店的占比；超过 10% 需关注。",
        ),
    ),
    "unattributed_anchor_share": Definition(
        "ratio",
        Text("Without an anchor", "主播无归属占比"),
        Text(
            "Share of the session's net GMV credited to no anchor; above 10% look at it.",
            "本场净GMV中没有归到任何主播的占比；超过 10% 需关注。",
        ),
    ),
    "buyer_orders": Definition(
        "orders",
        Text("Orders", "订单"),
        Text(
            "All paid orders of the buyer; to a token for some stores only those of which they keep something.",
            "该买家的全部已支付订单数；门店令牌只计仍归属于本门店的订单。",
        ),
    ),
    "buyer_net_fen": Definition(
        "fen",
        Text("Net", "净额"),
        Text(
            "What the buyer paid less refunds; to a token for some stores only what they were credited.",
            "该买家的支付金额 − 退款；门店令牌只计归属于本门店的部分。",
        ),
    ),
    "buyer_sessions": Definition(
        "events",
        Text("Sessions seen", "看过场次"),
        Text(
            "Different sessions in which the buyer did anything.",
            "该买家有任一行为的不同场次数。",
        ),
    ),
    "order_amount_fen": Definition(
        "fen",
        Text("Amount", "金额"),
        Text("All lines of the order, as amended.", "该订单全部订单行的金额（按改价后计）。"),
    ),
    "order_refunded_fen": Definition(
        "fen",
        Text("Refunded", "退款"),
        Text("Refunds of the order so far.", "该订单至今的退款金额。"),
    ),
    "order_net_fen": Definition(
        "fen",
        Text("Net", "净额"),
        Text("Amount of the order, or of its line, less refunds.", "订单或订单行的金额 − 退款。"),
    ),
    "funnel_rate": Definition(
        "ratio",
        Text("Share of the step before", "占上一步"),
        Text(
            "This step / the step before; the steps count events and orders, not the same people.",
            "本步 ÷ 上一步；各步计次数或订单数，并非同一批人。",
        ),
    ),
}
