"""Netwright as Docker's network and IPAM driver: `docker network create -d netwright --ipam-driver netwright …`.

    server     HTTP over a unix socket; each request is handed to the one thread that works
    driver     a request is answered: records change, and with them bridges, veths, the table of published ports
    host_ports keeps published ports bound, so that nobody else publishes them
    stacks     what stacks have on Docker's networks, and publish
    watch      hears when somebody has changed what is the driver's
    service    the process: started, told to systemd, tidied up from time to time, stopped

What is decided is in `netwright.dockerdriver`.
"""
