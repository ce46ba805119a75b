"""What people watch, made ready to be asked for: topics folded into one SQLite file beside the run.

    room-metrics, room-details, attributed-sales, pool-feedback, dead-letters ──► fold ──► views.sqlite ──► web

Rows and the offsets up to which they hold are written in one transaction, so a restart goes on where it was. The file
can be deleted at any time: it is made anew from the topics.
"""
