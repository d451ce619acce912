"""Foreign formats, one module or package each.

Those of data know the types of `atomsmith.data`, those of potentials also `atomsmith.potential`, which finds
them by the suffix of a file (`atomsmith.exchange.formats`).
"""
