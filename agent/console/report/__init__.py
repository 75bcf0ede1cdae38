"""The report after a conference: who attended, and what went wrong.

::

    database ──reading──► facts of one site ──pieces, told──► attendance, incidents ──document──► html, sheet, charts

JSON is the document itself. ``attendance`` says by which rule somebody counts as present; only ``reading`` and
``command`` touch anything.
"""
