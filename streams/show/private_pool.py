"""Codes, tokens, sharers, contacts and groups: how viewers get into the merchant's private pool."""

from functools import partial
from typing import Any

from streams.show.people import Buyer
from streams.show.stage import Stage
from streams.show.wire import DAY, HOUR, MINUTE, SECOND
from streams.show.world import GUIDES_PER_STORE, SCENES, STORES

_SHARERS_MAX = 200
_KINDS = ("store", "guide", "guide", "live_group", "live_group", "package", "store")


class PrivatePool:
    """Tokens that have been put into codes, and people who share. Keeps a bounded number of both."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._tokens: dict[tuple[str, str], str] = {}
        self._sharers: list[tuple[str, str]] = []
        self._made = 0

    def scan(self, buyer: Buyer, now: int, session_id: str | None, store_id: str) -> None:
        """A scan of a code; a guide's or a group's code may lead into the pool a little later."""
        stage = self._stage
        kind = stage.pick(_KINDS) if session_id else stage.pick(("store", "package", "guide"))
        data: dict[str, Any] = {"ids": stage.people.identify(buyer, "wechat_mini_program"), "code_kind": kind}
        guide_id = self._guide(store_id)
        if stage.random() < 0.8:
            data["token"] = self.token(kind, store_id, guide_id, session_id, now)
        else:
            data |= {"store_id": store_id, "scene": stage.pick(SCENES)}
            if session_id and kind == "live_group":
                data["session_id"] = session_id
        stage.wire.send("scan.code.scanned", "wechat/scan", now, data)
        if kind == "guide" and stage.random() < 0.6:
            stage.later(now + self._soon(), partial(self._befriend, buyer, store_id, guide_id))
        elif kind == "live_group" and stage.random() < 0.5:
            stage.later(now + self._soon(), partial(self._join, buyer, store_id, session_id))

    def meet(self, buyer: Buyer, store_id: str, now: int) -> None:
        """The buyer becomes the contact of a guide without a scan: by a card, a link, or in the store."""
        self._befriend(buyer, store_id, self._guide(store_id), now)

    def share(self, buyer: Buyer, carrier: str, now: int, session_id: str | None) -> None:
        """The buyer opens what somebody shared."""
        sharer_id, _ = self.sharer(now)
        data: dict[str, Any] = {"ids": self._stage.people.identify(buyer, carrier), "sharer_id": sharer_id}
        if session_id and self._stage.random() < 0.8:
            data["session_id"] = session_id
        self._stage.wire.send("share.opened", "wechat/share", now, data)

    def sharer(self, now: int) -> tuple[str, str]:
        """(sharer_id, token) of somebody who shares; most were registered for a store."""
        stage = self._stage
        if len(self._sharers) < 5 or stage.random() < 0.05:
            self._made += 1
            sharer_id, token = f"fan_{self._made:06d}", f"sh{stage.bits(64):016x}"
            meaning = {"token": token, "sharer_id": sharer_id, "persona": "老客分享"}
            if stage.random() < 0.8:
                meaning["store_id"] = stage.pick(STORES)
            self._register(meaning, now)
            if len(self._sharers) < _SHARERS_MAX:
                self._sharers.append((sharer_id, token))
            else:
                self._sharers[int(stage.random() * _SHARERS_MAX)] = (sharer_id, token)
        return stage.pick(self._sharers)

    def token(self, kind: str, store_id: str, guide_id: str, session_id: str | None, now: int) -> str:
        """The token in such a code. Made, and registered (or not), when it is first needed."""
        place = {"guide": guide_id, "live_group": f"{session_id}/{store_id}"}.get(kind, store_id)
        key = (kind, place)
        token = self._tokens.get(key)
        if token is None:
            token = self._tokens[key] = f"{kind[0]}_{self._stage.bits(64):016x}"
            meaning = {"token": token, "store_id": store_id}
            if kind == "guide":
                meaning["guide_id"] = guide_id
            elif kind == "live_group" and session_id:
                meaning["session_id"] = session_id
            elif kind == "package":
                meaning["persona"] = "包裹卡"
            self._register(meaning, now)
        return token

    def forget(self, session_id: str) -> None:
        """The codes of a session that is over are not shown again."""
        for key in [key for key in self._tokens if key[1].startswith(f"{session_id}/")]:
            del self._tokens[key]

    def _register(self, meaning: dict[str, Any], now: int) -> None:
        """Most tokens are registered at once, some up to three hours late, some never, some run out."""
        stage = self._stage
        luck = stage.random()
        if luck < 0.05:
            return
        if luck < 0.15:
            meaning["expires_at"] = stage.wire.time(now + stage.between(10 * MINUTE, 2 * HOUR))
        event = ("token.registered", "livepool/tokens", meaning)
        if luck < 0.88:
            self._send(event, now)
        else:
            self._promise(now + stage.between(5 * MINUTE, 3 * HOUR), event)

    def _soon(self) -> int:
        return self._stage.between(5 * SECOND, 3 * MINUTE)

    def _guide(self, store_id: str) -> str:
        return f"guide_{store_id[-3:]}_{int(self._stage.random() * GUIDES_PER_STORE)}"

    def _befriend(self, buyer: Buyer, store_id: str, guide_id: str, now: int) -> None:
        stage = self._stage
        data = {"ids": stage.people.contact(buyer), "guide_id": guide_id}
        if stage.random() < 0.7:
            data["token"] = self.token("guide", store_id, guide_id, None, now)
        if stage.random() < 0.5:
            data["store_id"] = store_id
        sent = stage.wire.send("pool.contact.added", "wecom/contact", now, data)
        if sent and stage.random() < 0.12:
            gone = ("pool.contact.removed", "wecom/contact", {"ids": data["ids"], "guide_id": guide_id})
            self._promise(now + stage.between(5 * MINUTE, 3 * DAY), gone)

    def _join(self, buyer: Buyer, store_id: str, session_id: str | None, now: int) -> None:
        stage = self._stage
        chat_id = f"wrOgAA{store_id[-3:]}{int(stage.random() * 3)}"
        chat = {"ids": stage.people.contact(buyer), "chat_id": chat_id}
        data = {**chat, "store_id": store_id, "member_count": stage.between(20, 200)}
        if stage.random() < 0.6:
            data["token"] = self.token("live_group", store_id, "", session_id, now)
        sent = stage.wire.send("pool.group.joined", "wecom/group", now, data)
        if sent and stage.random() < 0.15:
            self._promise(now + stage.between(5 * MINUTE, 2 * DAY), ("pool.group.left", "wecom/group", chat))

    def _promise(self, due: int, event: tuple[str, str, dict[str, Any]]) -> None:
        self._stage.later(due, lambda at: self._send(event, at))

    def _send(self, event: tuple[str, str, dict[str, Any]], at: int) -> bool:
        kind, source, data = event
        return self._stage.wire.send(kind, source, at, data)
