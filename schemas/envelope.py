"""The CloudEvents envelope and the identifiers of a buyer (spec §2, §3)."""

from itertools import compress
from operator import add, attrgetter
from typing import ClassVar, Generic, Literal, TypeVar, dataclass_transform

from msgspec import Struct, field
from msgspec.structs import astuple

from schemas.values import NAMESPACES, EventId, EventSource, Id, PhoneHash, Time, UtcText

D_co = TypeVar("D_co", covariant=True)
# By name: a subclass that redefines a field has it in another place.
_in_rank_order = attrgetter(*NAMESPACES)
_PREFIXES = tuple(f"{namespace}:" for namespace in NAMESPACES)


# Type checkers learn here that `frozen` is inherited, as msgspec does it.
@dataclass_transform(frozen_default=True)
class Data(Struct, frozen=True, gc=False):
    """What all `data` objects share: immutable, fields by name, unknown fields ignored."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Event(Struct, Generic[D_co], frozen=True, kw_only=True, gc=False, tag_field="type"):
    """The CloudEvents envelope. `time` is UTC milliseconds."""

    type: ClassVar[str]
    specversion: Literal["1.0"]
    id: EventId
    source: EventSource
    time: Time
    data: D_co


class Ids(Data):
    """The identifiers of one buyer, in rank order (spec §3); at least one is there."""

    unionid: Id | None = None
    external_userid: Id | None = None
    phone_hash: PhoneHash | None = None
    member_id: Id | None = None
    openid: Id | None = None
    douyin_open_id: Id | None = None
    kuaishou_open_id: Id | None = None
    jd_open_id: Id | None = None
    taobao_open_uid: Id | None = None
    youzan_user_id: Id | None = None
    device_id: Id | None = None

    def __post_init__(self) -> None:
        if not any(astuple(self)):
            raise ValueError("no identifier of a known namespace")

    def pairs(self) -> list[str]:
        """Return `namespace:value` texts, the best rank first; `device_id` only when alone (spec §3)."""
        values = _in_rank_order(self)
        pairs = list(map(add, compress(_PREFIXES, values), filter(None, values)))
        if self.device_id is not None and len(pairs) > 1:
            pairs.pop()
        return pairs


class ContactIds(Ids, kw_only=True):
    """The identifiers of a WeCom contact: `external_userid` is required."""

    external_userid: Id


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Published(Struct, frozen=True, gc=False):
    """What all published objects share."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Output(Struct, Generic[D_co], frozen=True, gc=False, kw_only=True, tag_field="type"):
    """The CloudEvents envelope of an output; its `(source, id)` follows from the input alone."""

    type: ClassVar[str]
    specversion: Literal["1.0"]
    id: Id
    source: Id
    time: UtcText
    data: D_co
