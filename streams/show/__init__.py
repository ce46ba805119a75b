"""A synthetic show: evenings of live-stream shopping as NDJSON, and what is true of them.

`generate` is seeded: the same arguments give the same bytes, on any machine. It keeps a bounded cast, so
that it can write a thousand events or many millions. One evening has up to 50,000 lines; longer shows are
made of evenings, 24 hours apart, each followed by a day of store visits, payments and refunds.

What is in it:

- three to seven rooms an evening: portal (douyin, kuaishou), platform (taobao, jd, tmall) and mini-program
  (wechat_channels, wechat_mini_program). The first room links ten stores with weights, the others one
  each. Co-hosts, and anchors that change during the show;
- viewers who come in bursts when an item is explained, like, comment, click, cart, share, leave or simply
  stay away, and come back to another room or another evening;
- codes of stores, guides, live groups and packages; tokens registered in time, late, never, or expired;
  sharers with and without a store; WeCom contacts and groups, joined and left;
- orders of platforms, tills (`store_pos`) and youzan: paid after seconds or minutes, never, or cancelled;
  amended; known by the payment alone; of several lines, of 0 fen, 1 fen and above 2^32 fen; refunds of a
  line or an order, in part or in full, that overtake their payment, that have none, that exceed it;
- buyers known by a device first, by an openid then, by a unionid or a phone later; couples who share a
  phone, and get unlinked; a phone that a whole neighbourhood uses (refused links); deletion requests;
- disorder: seconds for most, minutes for some, up to 40 hours for a few. Repeated deliveries after
  seconds to hours, repeated payments, id conflicts, and broken events of every kind.

Half of the live events are likes and comments; there are about 20 live events per order, or 2 with
`orders_heavy`.
"""

from streams.show.evening import generate
from streams.show.truth import SessionTruth, Truth

__all__ = ["SessionTruth", "Truth", "generate"]
