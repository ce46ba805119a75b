"""The buyers of a show: which identifiers each has, and which of them a platform tells us when."""

from collections.abc import Callable

from streams.show.world import APP_OF, NAMESPACE_OF

IDLE_MAX = 3_000
"""Buyers who may come back; the show forgets others, so its memory does not grow."""

_SHARE_DEVICE = 0.2
_SHARE_COUPLES = 0.06


class Buyer:
    """One person. `known` is what each carrier's live events say of them, `ids` all that they have."""

    __slots__ = ("ids", "known", "partner")

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self.known: dict[str, dict[str, str]] = {}
        self.partner: Buyer | None = None


class People:
    """Makes buyers and keeps those who are not in a room at the moment."""

    def __init__(self, random: Callable[[], float], bits: Callable[[int], int]) -> None:
        self._random = random
        self._bits = bits
        self.idle: list[Buyer] = []

    def enter(self, carrier: str) -> Buyer:
        """A buyer, new or come back, who is known to `carrier` from now on."""
        idle = self.idle
        if len(idle) > 20 and self._random() < 0.4:
            n = int(self._random() * len(idle))
            idle[n], idle[-1] = idle[-1], idle[n]
            buyer = idle.pop()
        else:
            buyer = Buyer()
        if carrier not in buyer.known:
            buyer.known[carrier] = self._introduce(buyer, carrier)
        return buyer

    def leave(self, buyer: Buyer) -> None:
        """The buyer becomes idle; when too many are, one of them is forgotten and never comes back."""
        if len(self.idle) < IDLE_MAX:
            self.idle.append(buyer)
        else:
            self.idle[int(self._random() * IDLE_MAX)] = buyer

    def passer_by(self) -> Buyer:
        """Someone outside the rooms, who stays idle."""
        if not self.idle or self._random() < 0.2:
            self.idle.append(Buyer())
            return self.idle.pop() if len(self.idle) > IDLE_MAX else self.idle[-1]
        return self.idle[int(self._random() * len(self.idle))]

    def identify(self, buyer: Buyer, carrier: str) -> dict[str, str]:
        """Identifiers with which the buyer orders or scans at `carrier`: more than live events tell.

        From then on the carrier's live events name the unionid too: two buyers become one.
        """
        namespace = NAMESPACE_OF[carrier]
        ids = {namespace: self._value(buyer, carrier)}
        if namespace == "openid":
            if self._random() < 0.7:
                ids["unionid"] = self._own(buyer, "unionid", "o6_bmj", 88)
            buyer.known[carrier] = ids
            ids = dict(ids)
        elif carrier == "youzan" and self._random() < 0.8:
            ids["openid"] = self._value(buyer, "wechat_mini_program")
        elif carrier == "store_pos" and "unionid" in buyer.ids and self._random() < 0.5:
            ids["unionid"] = buyer.ids["unionid"]
        if self._random() < (0.9 if carrier == "store_pos" else 0.4):
            ids["phone_hash"] = self.phone(buyer)
        return ids

    def contact(self, buyer: Buyer) -> dict[str, str]:
        """Identifiers of a WeCom contact: the external_userid, mostly with the unionid."""
        ids = {"external_userid": self._own(buyer, "external_userid", "woAJ2GCAAA", 88)}
        if self._random() < 0.8:
            ids["unionid"] = self._own(buyer, "unionid", "o6_bmj", 88)
        return ids

    def phone(self, buyer: Buyer) -> str:
        """The buyer's phone_hash; a few share it with one idle partner, never with more."""
        if "phone_hash" not in buyer.ids:
            buyer.ids["phone_hash"] = f"{self._bits(256):064x}"
            partner = self.idle[-1] if self.idle else buyer
            alone = partner is not buyer and not partner.partner and "phone_hash" not in partner.ids
            if alone and self._random() < _SHARE_COUPLES:
                partner.ids["phone_hash"] = buyer.ids["phone_hash"]
                partner.partner, buyer.partner = buyer, partner
        return buyer.ids["phone_hash"]

    def _introduce(self, buyer: Buyer, carrier: str) -> dict[str, str]:
        """What a first visit tells: the platform's own id, or only a device before the login."""
        if carrier in APP_OF and self._random() < _SHARE_DEVICE:
            return {"device_id": self._own(buyer, "device_id", "d-", 64)}
        return {NAMESPACE_OF[carrier]: self._value(buyer, carrier)}

    def _value(self, buyer: Buyer, carrier: str) -> str:
        namespace = NAMESPACE_OF[carrier]
        if namespace == "openid":
            return self._own(buyer, carrier, f"{APP_OF[carrier]}:o", 104)
        return self._own(buyer, namespace, "m" if namespace == "member_id" else "_0", 96)

    def _own(self, buyer: Buyer, name: str, prefix: str, bits: int) -> str:
        value = buyer.ids.get(name)
        if value is None:
            value = buyer.ids[name] = f"{prefix}{self._bits(bits):0{bits // 4}x}"
        return value
