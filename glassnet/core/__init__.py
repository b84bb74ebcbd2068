"""Pytrees, addressed random keys, schedules, checks of arguments, JSON and hashes, former names, requests to stop, the
cache of compiled programs: nothing here knows any physics.
"""
