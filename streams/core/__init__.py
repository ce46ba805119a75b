"""The rules of Livepool: pure functions over plain data, without clock, I/O or Faust."""
