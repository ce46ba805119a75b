/** One room's document, followed: whole at first, then kept up by merge patches. */
import { changedRows, merge } from "../pure/patch.js";
import { address } from "./api.js";
import { follow } from "./stream.js";

/** Call `show(document)` at every change and `state(how)`; `look(as_of)` at each of the server's looks. Returns a stop. */
export function followRoom(sessionId, { show, state, look }) {
  let room = null;
  const take = (next) => {
    room = next;
    look(room.as_of);
    show(room);
  };
  return follow(address("rooms", sessionId, "stream"), {
    room: take,
    change: (patch) => room && take(merge(room, patch)),
    beat: ({ as_of: asOf, lag }) => {
      look(asOf);
      if (room && lag !== undefined && lag !== room.problems?.lag) take(merge(room, { as_of: asOf, problems: { lag } }));
    },
    state,
  });
}

/** The list of rooms, followed: whole at first, then the rows that changed. */
export function followRooms({ show, state, look }) {
  let rows = null;
  const take = (asOf, next) => {
    rows = next;
    look(asOf);
    show(rows);
  };
  return follow(address("stream"), {
    rooms: (list) => take(list.as_of, list.rooms),
    change: (change) => rows && take(change.as_of, changedRows(rows, change)),
    beat: ({ as_of: asOf }) => look(asOf),
    state,
  });
}
