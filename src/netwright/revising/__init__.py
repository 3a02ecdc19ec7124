"""A committed file, changed by a command: what a person wrote stays as it was written, comments and layout too.

pieces        where each part of a text begins and ends
surgery       an element more, or a part less
request       what a command line asks for: a port published, or published no more
whereabouts   which stack, and where in its file
publication   the stack's new file
"""
