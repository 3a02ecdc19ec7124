"""A host on which anything happens: files, edits, strangers and crashes at random, on the real kernel, looked at by others.

`files` and `edits` draw what is applied, `strangers` what others do meanwhile, `crash` where a run is cut off; `look` tells what iproute2
and nft see, `agreement` and `packets` whether that is what a file says; `machine` puts it together, and `containers` does with a real engine.
"""
