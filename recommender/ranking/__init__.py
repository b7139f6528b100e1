"""From candidates to a block: who may be a card, how much each counts, and which few are taken.

Every step is a function of its own, with its settings in ``settings.py``::

    rules, ages ─▶ who may be found, and priors ─▶ (search) ─▶ Shortlist ─▶ steps ─▶ cards

``facts.py`` holds what the steps ask about documents; ``shortlist.py`` what passes from step to
step. Nothing here knows where an index comes from.
"""
