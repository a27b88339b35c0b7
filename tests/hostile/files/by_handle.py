import ctypes

handle = ctypes.create_string_buffer(b"\x08\0\0\0\x01\0\0\0\x02\0\0\0\0\0\0\0", 128)
done_or_not("opened", libc.open_by_handle_at(-100, handle, 0))
