"""The board: a web page of all sites, for the wall of the operations room and for a desk.

::

    broker ──paho's thread──► Live (one thread: fold, tiles, trends) ──► feed ──server-sent events──► browsers
                                 ▲ commands, conferences                     ▲ pages, forms (Starlette, one event loop)
                                 └──────────────────────────────────────────┘

``tile`` and ``totals`` say what is shown and are pure; ``live`` keeps it; ``app`` joins the routes of the other files.
Pages are rendered here and patched in the browser: what a browser gets is HTML, and every text in it is escaped.
"""
