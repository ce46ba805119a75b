"""What comes from outside: one file per platform or kind of file, each turned into events."""
