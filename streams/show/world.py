"""The fixed cast of every show: rooms, stores, guides and items."""

from dataclasses import dataclass

STORES = tuple(f"store_{n:03d}" for n in range(1, 17))
"""The first ten belong to the room that links ten stores, the others to one room each."""

GUIDES_PER_STORE = 2
APP_OF = {"wechat_mini_program": "wx5f1e0c7a9b3d2846", "wechat_channels": "wx81c2d4e6f7a90b13"}
NAMESPACE_OF = {
    "douyin": "douyin_open_id",
    "kuaishou": "kuaishou_open_id",
    "jd": "jd_open_id",
    "taobao": "taobao_open_uid",
    "tmall": "taobao_open_uid",
    "wechat_mini_program": "openid",
    "wechat_channels": "openid",
    "youzan": "youzan_user_id",
    "store_pos": "member_id",
}
"""How the platform of a carrier names a person."""

NAMED_IN_ORDERS = {
    "douyin": (0.05, 0.55, 0.35),
    "kuaishou": (0.0, 0.3, 0.2),
    "wechat_channels": (0.6, 0.1, 0.3),
    "wechat_mini_program": (0.4, 0.3, 0.0),
    "jd": (0.0, 0.0, 0.1),
}
"""Shares of order lines that name the session, the room and the anchor; Taobao and tills name none."""


def source_of(carrier: str, system: str) -> str:
    """The `source` of a carrier's events; WeChat's products share one system."""
    return f"wechat/{carrier[7:]}" if carrier.startswith("wechat_") else f"{carrier}/{system}"


TRAFFIC = ("natural", "natural", "promote", "ads", "public", "private")
SCENES = ("1177", "1047", "1007", "1008", "1011", "1001", "1179")
COMMENTS = [
    "主播这款还有货吗",
    "已拍,求发货",
    "想看试穿",
    "多少钱",
    "666",
    "链接在哪里🔗",
    "老粉来了",
    "尺码偏大吗",
]


@dataclass(frozen=True, slots=True)
class Room:
    """A live room: who may be on air (co-hosts together), and the stores it links."""

    room_id: str
    carrier: str
    title: str
    crews: tuple[tuple[str, ...], ...]
    store_ids: tuple[str, ...]
    weights: tuple[int, ...] = ()


ROOMS = (
    Room(
        "7290145236871234561",
        "douyin",
        "十店联播·秋冬上新",
        (("anchor_lin", "anchor_qiao"), ("anchor_qiao",), ("anchor_qiao", "anchor_mo")),
        STORES[:10],
        (30, 18, 12, 10, 8, 7, 6, 4, 3, 2),
    ),
    Room(
        "3xk29fjq8s4",
        "kuaishou",
        "老铁专场 工厂直发",
        (("anchor_tie",), ("anchor_tie", "anchor_hua")),
        STORES[10:11],
    ),
    Room("wxlive_10086", "wechat_channels", "视频号会员之夜", (("anchor_an",), ("anchor_yue",)), STORES[11:12]),
    Room("4481207563901", "taobao", "淘宝直播 大牌美妆", (("anchor_jia",), ("anchor_qi",)), STORES[12:13]),
    Room("2901", "wechat_mini_program", "小程序直播 门店自播", (("anchor_an",),), STORES[13:14]),
    Room("6620184", "jd", "京东自营 3C 夜", (("anchor_bo", "anchor_du"), ("anchor_du",)), STORES[14:15]),
    Room("4481207563988", "tmall", "天猫旗舰 家居日", (("anchor_he",), ("anchor_jia",)), STORES[15:16]),
)
"""Three rooms cover the three modes; the busier the evening, the more of them are open."""

_NOUNS = [
    "羊绒大衣",
    "真丝衬衫",
    "保温杯",
    "精华液",
    "坚果礼盒",
    "蓝牙耳机",
    "四件套",
    "运动鞋",
    "洗面奶",
    "翡翠手镯",
]
_ADJECTIVES = ["经典款", "限量款", "联名款", "加厚", "轻薄", "家庭装"]
ITEMS = tuple(
    (str(3_570_000_000_000_000_000 + 7_919 * n), f"{adjective}{noun}", 990 + 1_730 * n % 47_000)
    for n, (adjective, noun) in enumerate((a, b) for a in _ADJECTIVES for b in _NOUNS)
)
"""(item_id, title, price in fen): 60 items, ids above 2^53 as most platforms have them."""
