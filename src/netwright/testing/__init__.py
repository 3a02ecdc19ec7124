"""Hosts and networks for tests: a file built on a throw-away host, without root where user namespaces are allowed.

In a test, ask for the fixture `netwright_lab`; without pytest, use `Lab.build`.

>>> from netwright.testing import Lab
>>> with Lab.build('''
... version: 1
... name: shop
... networks: {lan: {subnets: [192.0.2.0/24]}}
... namespaces:
...   web: {interfaces: {eth0: {network: lan, address: 192.0.2.80}}}
...   client: {interfaces: {eth0: {network: lan}}}
... ''') as lab:
...     with lab["web"].listen(80):
...         lab["client"].can_connect("192.0.2.80", 80)
...     lab["client"].can_connect(lab["web"].address("lan"), 80)
<Reach.REACHABLE: 'reachable'>
<Reach.REFUSED: 'refused'>
"""

from netwright.testing.lab import Host, Lab, Reach

__all__ = ["Host", "Lab", "Reach"]
