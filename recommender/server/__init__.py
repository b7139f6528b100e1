"""The service: a site's backend asks over HTTP, and gets what Python would get.

Needs the extra ``server``. Routes translate; ``Recommender`` answers.
"""
