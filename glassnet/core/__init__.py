"""Pytrees, addressed random keys, schedules: nothing here knows any physics."""
