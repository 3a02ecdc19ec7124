"""Netwright as Docker's network and IPAM driver: requests and what is remembered → answers and what is remembered then. Pure.

Docker's remote drivers are described in moby: daemon/libnetwork/drivers/remote/api, daemon/libnetwork/ipams/remote/api.
"""
