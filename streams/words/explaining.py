"""What an explanation says, in English and Chinese. `{…}` is filled in from the explanation."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from streams.core.definitions import Language, Text

RULES = {
    "order_session": Text("the order line names the session", "订单行写明直播场次"),
    "order_room": Text("the order line names the room", "订单行写明直播间"),
    "order_anchor": Text("the order line names the anchor", "订单行写明主播"),
    "order_store": Text("the order line names the store to credit", "订单行写明归属门店"),
    "order_token": Text("the order's token", "订单带的码"),
    "scan": Text("a scanned code", "扫码"),
    "share": Text("a share that was opened", "打开的分享"),
    "item_click": Text("a click on the same item, or its cart", "点击或加购同一商品"),
    "presence": Text("entry into a session", "进入直播间"),
    "pool_contact": Text("the contact that the buyer has", "买家现有的企微好友"),
    "session_split": Text("the session's store weights", "场次的门店权重"),
    "seller": Text("the store that sells", "发货门店"),
    "session_store": Text("the session's only store", "场次唯一的门店"),
    "first_touch": Text("all credit to the first touch", "首次触点"),
    "last_touch": Text("all credit to the last touch", "末次触点"),
    "linear": Text("equal credit to every touch", "各触点均分"),
    "position_based": Text("40/20/40 by position", "按位置 40/20/40"),
    "time_decay": Text("less credit to older touches", "按时间衰减"),
}
TIERS = {
    "certain": Text("certain", "确定"),
    "strong": Text("strong", "强"),
    "medium": Text("medium", "中"),
    "weak": Text("weak", "弱"),
    "none": Text("none", "无"),
}
OUTCOMES = {
    "won": Text("won", "采用"),
    "no_evidence": Text("no evidence", "无证据"),
    "outside_window": Text("outside the window", "超出时间窗"),
    "unknown_session": Text("session not known", "场次未知"),
    "unknown_token": Text("token not known", "码未登记"),
    "expired_token": Text("token expired", "码已过期"),
    "superseded": Text("superseded", "被取代"),
}
EVENTS = {
    "live.viewer.entered": Text("entry", "进入直播间"),
    "live.product.clicked": Text("click", "点击商品"),
    "live.product.carted": Text("cart", "加购"),
    "scan.code.scanned": Text("scan", "扫码"),
    "share.opened": Text("share opened", "打开分享"),
    "pool.contact.added": Text("contact added", "添加好友"),
    "pool.contact.removed": Text("contact removed", "删除好友"),
    "live.session.started": Text("session start", "开播"),
    "order.placed": Text("the order itself", "订单本身"),
    "order.paid": Text("the order itself", "订单本身"),
}
CODES = {
    "won": Text("{names}", "{names}"),
    "touch": Text("{share:.2%} of the credit: {names} ({rule})", "占 {share:.2%}：{names}（{rule}）"),
    "superseded": Text("{names}; the later one, of {by_at}, counts", "{names}；以更晚的一次（{by_at}）为准"),
    "outside_window": Text(
        "{names}; {by} too early, the window is {hours:g} h", "{names}；早了 {by}，时间窗为 {hours:g} 小时"
    ),
    "unknown_session": Text("session {session_id} is not known", "场次 {session_id} 未知"),
    "unknown_token": Text("token {token} is not registered", "码 {token} 未登记"),
    "expired_token": Text("token {token} had expired on {expires_at}", "码 {token} 已于 {expires_at} 过期"),
    "not_in_line": Text("the order line has no {field}", "订单行没有 {field}"),
    "not_in_order": Text("the order has no {field}", "订单没有 {field}"),
    "token_names_no": Text("token {token} names no {what}", "码 {token} 没有 {what}"),
    "room_without_session": Text(
        "no session of room {room_id} had started by then", "当时直播间 {room_id} 尚无已开播的场次"
    ),
    "nothing": Text("nothing of the kind before the order", "下单前没有这类事件"),
    "sharer_without_store": Text(
        "sharer {sharer_id}: no token names a store of theirs", "分享人 {sharer_id}：没有登记所属门店的码"
    ),
    "contact_without_store": Text("contact with {guide_id} names no store", "与导购 {guide_id} 的好友关系没有门店"),
    "contact_removed": Text(
        "{names}; removed on {removed_at}, before the order", "{names}；已于下单前（{removed_at}）删除"
    ),
    "no_session": Text("no session won the live decision", "直播归因没有得到场次"),
    "session_without_weights": Text("session {session_id} has no store weights", "场次 {session_id} 没有门店权重"),
    "session_stores": Text(
        "session {session_id} links {count} stores, not exactly one", "场次 {session_id} 关联 {count} 家门店，并非唯一"
    ),
}
SEEN = {  # `nothing`, by decision and rule, when there is something of the kind
    "scan": Text("{seen} scans before the order, none of them names one", "下单前有 {seen} 次扫码，均未指明"),
    "share": Text(
        "{seen} opened shares before the order, none of them names one", "下单前打开 {seen} 次分享，均未指明"
    ),
    "item_click": Text("{seen} clicks before the order, all on other items", "下单前有 {seen} 次点击，均为其他商品"),
    "presence": Text("{seen} entries before the order, none usable", "下单前进入 {seen} 次，均不可用"),
}
KNOWN_NOW = Text(" (known today, but it came after the decision was final)", "（现已知晓，但在归因定案之后才到达）")
NEXT_START = Text("; the next one started on {next_start}", "；下一场于 {next_start} 开播")
NAMES = {
    "session_id": Text("session {}", "场次 {}"),
    "store_id": Text("store {}", "门店 {}"),
    "sharer_id": Text("sharer {}", "分享人 {}"),
    "guide_id": Text("guide {}", "导购 {}"),
    "anchor_id": Text("anchor {}", "主播 {}"),
    "room_id": Text("room {}", "直播间 {}"),
}
NAMELESS = Text("names none", "未指明")
DIMENSIONS = {"store": Text("Stores", "门店"), "anchor": Text("Anchors", "主播"), "mode": Text("Mode", "模式")}
NOBODY = Text("none (nobody earned it)", "无（无人应得）")
REFUNDS = {
    "applied": Text("taken from the sale", "已扣减"),
    "exceeds": Text("above what remained: not applied, it is a dead letter", "超过剩余金额：未扣减，已进入死信"),
    "waiting": Text("waits for the payment", "等待付款"),
}
SAY = {
    "paid": Text("paid", "已付款"),
    "placed": Text("placed, not paid", "已下单，未付款"),
    "buyer": Text("Buyer", "买家"),
    "new_buyer": Text("first paid order: a new buyer", "首个付款订单：新客"),
    "placed_at": Text("Placed", "下单"),
    "paid_at": Text("Paid", "付款"),
    "zone": Text("all times in {timezone}", "时间均为 {timezone}"),
    "amount": Text("Amount", "金额"),
    "sum": Text("{paid} - refunds {refunded} = net {net}", "{paid} - 退款 {refunded} = 净额 {net}"),
    "decision": Text("Decision", "归因"),
    "final": Text("final since the buyer's events passed {final_after}", "已定案：买家的事件时间已过 {final_after}"),
    "open": Text(
        "open until {final_after}: what arrives before may change it",
        "未定案，截至 {final_after}：此前到达的证据可改变归因",
    ),
    "policy": Text("Policy", "策略"),
    "only_placed": Text(
        "No payment has arrived: this is how the board counts the order. There is no sale and no ledger entry.",
        "尚未收到付款：以下为看板的口径，尚无销售和归因分录。",
    ),
    "behind": Text(
        "Something of this order is still to be processed: `livepool worker --drain`, then ask again.",
        "此订单尚有事件待处理：请运行 `livepool worker --drain` 后重试。",
    ),
    "not_reproduced": Text(
        "The evidence in the state does not lead to this decision any more, so only its outcomes are shown: people"
        " were parted or merged after it was final, or the worker has another policy (name it by --policy).",
        "现有证据已无法复现此归因，仅显示结论：定案后买家被拆分或合并，或 worker 使用了其他策略（用 --policy 指定）。",
    ),
    "line": Text(
        "Line {line_id}: item {item_id} x {quantity}  {amount}",
        "订单行 {line_id}：商品 {item_id} × {quantity}  {amount}",
    ),
    "sale": Text("sale {sale_id}, revision {revision}", "销售 {sale_id}，第 {revision} 版"),
    "live": Text("Live decision", "直播归因"),
    "store": Text("Store decision", "门店归因"),
    "none_won": Text("no rule found evidence", "没有规则找到证据"),
    "by_rule": Text("{rule} ({tier}): {what}", "{rule}（{tier}）：{what}"),
    "evidence": Text("Evidence", "证据"),
    "before": Text("{at}, {ago} before the order", "{at}，下单前 {ago}"),
    "at_order": Text("{at}, at the order's moment", "{at}，与下单同时"),
    "after": Text("{at}, {ago} after the order", "{at}，下单后 {ago}"),
    "session": Text("Session", "场次"),
    "guide_id": Text("Guide", "导购"),
    "sharer_id": Text("Sharer", "分享人"),
    "tried": Text("Tried before it, and why not:", "此前逐条尝试，未采用的原因："),
    "tried_all": Text("Tried, and why not:", "逐条尝试，未采用的原因："),
    "also": Text("Other evidence of the same rule:", "同一规则的其他证据："),
    "touches": Text("Every touch, its share, and what was none:", "各触点及占比，以及未计入的："),
    "not_tried": Text("Not tried, since an earlier rule won:", "前面的规则已采用，未再尝试："),
    "more": Text("… and {count} more (--json shows all)", "……另有 {count} 条（--json 可看全部）"),
    "net": Text(", after refunds {net}", "，退款后 {net}"),
    "refunds": Text("Refunds of this line, and who gave back what", "本行退款及各方扣减"),
    "history": Text("Revisions", "修订历史"),
    "revised": Text(
        "{cause}: live {live_rule}, store {store_rule}, net {net}",
        "{cause}：直播 {live_rule}，门店 {store_rule}，净额 {net}",
    ),
    "order_refunds": Text("Refunds of the order", "订单退款"),
    "of_line": Text("of line {line_id}", "订单行 {line_id}"),
    "of_order": Text("of the whole order", "整单"),
    "amendments": Text("Amended before payment", "付款前改价"),
    "late": Text("Arrived after the decision was final: counted, not used", "定案后才到达：计数，但不用于归因"),
    "afterwards": Text("Happened after the order: no evidence", "下单之后发生：不作为证据"),
    "withdrawn": Text("Withdrawn, since an earlier payment does not have it", "已撤回：更早的付款中没有此行"),
}
_UNITS = (
    (86_400_000, "d", "天"),
    (3_600_000, "h", "小时"),
    (60_000, "min", "分"),
    (1000, "s", "秒"),
    (1, "ms", "毫秒"),
)


def duration(ms: int, lang: Language) -> str:
    """A duration in its two largest units that are not 0: `2 d 3 h`, `5 分 1 秒`."""
    parts = []
    for size, en, zh in _UNITS:
        count, ms = divmod(ms, size)
        if count:
            parts.append(f"{count} {zh if lang == 'zh' else en}")
    return " ".join(parts[:2]) or ("0 秒" if lang == "zh" else "0 s")


def moment_of(ms: int, zone: ZoneInfo) -> str:
    """A UTC time in ms on the clock of a zone; milliseconds only where there are some."""
    clock = datetime.fromtimestamp(ms // 1000, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    return f"{clock}.{ms % 1000:03}" if ms % 1000 else clock
