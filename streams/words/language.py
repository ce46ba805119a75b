"""Chinese and English: the names of carriers and modes, money, numbers, times."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from schemas.values import MODE_OF_CARRIER
from streams.core.definitions import Language, Text, Unit

CARRIERS = {
    "douyin": Text("Douyin", "抖音"),
    "kuaishou": Text("Kuaishou", "快手"),
    "xigua": Text("Xigua", "西瓜视频"),
    "huoshan": Text("Huoshan", "火山"),
    "jd": Text("JD", "京东"),
    "tmall": Text("Tmall", "天猫"),
    "taobao": Text("Taobao", "淘宝"),
    "suning": Text("Suning", "苏宁"),
    "pinduoduo": Text("Pinduoduo", "拼多多"),
    "wechat_mini_program": Text("WeChat MP", "微信小程序"),
    "wechat_channels": Text("Channels", "视频号"),
    "store_pos": Text("Till", "门店收银"),
    "youzan": Text("Youzan", "有赞"),
    "weimob": Text("Weimob", "微盟"),
}
MODES = {
    "portal": Text("portal", "门户"),
    "platform": Text("platform", "平台"),
    "mini_program": Text("mini-program", "小程序"),
    "none": Text("none", "无"),
}
NOTHING = "–"  # where a number is null


def name_of_carrier(carrier: str, lang: Language) -> str:
    """What people call a carrier."""
    return CARRIERS[carrier].in_(lang)


def name_of_mode(mode: str, lang: Language) -> str:
    """What people call a mode."""
    return MODES[mode].in_(lang)


def mode_of(carrier: str) -> str:
    """The mode of a carrier (spec §1)."""
    return MODE_OF_CARRIER[carrier]


def yuan(fen: int, lang: Language) -> str:
    """An amount to the fen: `¥1,234.50`, `1,234.50元`."""
    sign, fen = ("-" if fen < 0 else ""), abs(fen)
    text = f"{fen // 100:,}.{fen % 100:02}"
    return f"{sign}{text}元" if lang == "zh" else f"{sign}¥{text}"


_SHORT: dict[Language, tuple[tuple[int, str], ...]] = {  # fen in a unit, from one on
    "zh": ((10_000_000_000, "亿元"), (1_000_000, "万元")),
    "en": ((100_000_000_000, "B"), (100_000_000, "M")),
}


def yuan_short(fen: int, lang: Language) -> str:
    """An amount at a glance, rounded half up: `¥12,346`, `¥1.23M`, `1.23万元`; below 100 yuan to the fen."""
    amount = abs(fen)
    for scale, suffix in _SHORT[lang]:
        if amount >= scale:
            hundredths = (200 * amount + scale) // (2 * scale)
            text = f"{hundredths // 100:,}.{hundredths % 100:02}{suffix}"
            break
    else:
        if amount < 100_00:
            return yuan(fen, lang)
        text = f"{(amount + 50) // 100:,}{'元' if lang == 'zh' else ''}"
    return f"{'-' if fen < 0 else ''}{'' if lang == 'zh' else '¥'}{text}"


def ratio(value: float | None, digits: int = 1) -> str:
    """A ratio in percent, or a dash."""
    return NOTHING if value is None else f"{value:.{digits}%}"


def number(value: float | None, unit: Unit, lang: Language) -> str:
    """A number of a snapshot by its unit (`definitions`)."""
    if value is None:
        return NOTHING
    if unit == "fen":
        return yuan(int(value), lang)
    if unit == "ratio":
        return ratio(value, 2)
    if unit == "seconds":
        minutes, seconds = divmod(int(value), 60)
        return f"{minutes}:{seconds:02}"
    return f"{int(value):,}"


def when(ms: int, zone: ZoneInfo, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A UTC time in ms on the clock of a time zone."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone).strftime(form)
