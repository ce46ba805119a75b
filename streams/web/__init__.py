"""The live board: an API over the read model, pushed changes, a page. Read `routes.py` first.

views.sqlite ──► documents ──► routes: JSON, reports
                    └────────► hub: one change per room, scope and second ──► Server-Sent Events
"""
