"""What the daemon decides, without what it does: no socket, clock or thread.

interest.py    which notices concern which stack
schedule.py    when to look: coalescing, back-off
suspects.py    who may be undoing a repair
"""
