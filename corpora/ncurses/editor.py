"""The same in Python: a module calls into the library that _curses uses, behind its back."""
import ctypes
import curses
import time


def forget_terminal(library):
    library.set_curterm.restype = ctypes.c_void_p
    library.set_curterm(None)


def run(screen):
    screen.addstr("hello")
    screen.refresh()
    forget_terminal(ctypes.CDLL("libtinfo.so.6"))
    time.sleep(0.02)
    screen.clear()
    screen.refresh()


curses.wrapper(run)
