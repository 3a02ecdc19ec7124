"""The daemon: keeps committed stacks true, and serves the API. What it decides by is in `netwright.keeping`.

service.py     the process: one a host; signals, systemd
keeper.py      notices in, repairs out
diary.py       what it tells
workshop.py    the threads in which the engine works
server.py      HTTP over a unix socket
exchange.py    requests in, answers out
access.py      who may use it
openapi.py     its description
"""
