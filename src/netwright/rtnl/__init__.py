"""The rtnetlink protocol as bytes (rtnetlink(7), netlink(7)): messages are made and read here, and sent elsewhere.

A request is made by a function named for what it asks, from names and numbers; an answer is read by a `decode` that
takes the buffer with the bounds of one message's body, and gives back a tuple or a value of the model. Numbers are in
the machine's byte order, as the kernel has them; attributes are aligned to 4 bytes (linux/netlink.h).
"""
