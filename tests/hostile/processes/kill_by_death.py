done_or_not("death signal", libc.prctl(1, 9, 0, 0, 0))
done_or_not("dumpable", libc.prctl(4, 1, 0, 0, 0))
done_or_not("ptracer", libc.prctl(0x59616D61, -1, 0, 0, 0))
done_or_not("subreaper", libc.prctl(36, 1, 0, 0, 0))
