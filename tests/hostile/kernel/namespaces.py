for flag in (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x02000000):
    done_or_not(f"unshare {flag:x}", libc.unshare(flag))
done_or_not("setns", libc.setns(0, 0))
