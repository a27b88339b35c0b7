import mmap

maps = []
while len(maps) < 1 << 20:
    maps.append(mmap.mmap(-1, 64 << 20))
    maps[-1][:] = bytes(64 << 20)
