"""Foreign formats: one module each, knowing nothing but the types of `atomsmith.data`."""
