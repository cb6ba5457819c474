"""Let files below the folder SLOW_BELOW be opened, renamed and removed as on a busy server.

Python imports this in each process that has the folder of this file on its path of modules.
"""

import os
import sys
import time

DELAYS = {"open": 0.01, "os.rename": 0.05, "os.mkdir": 0.05, "os.remove": 0.05}  # seconds


def _wait(event, arguments):
    delay = DELAYS.get(event)
    if delay and os.path.abspath(str(arguments[0])).startswith(os.environ["SLOW_BELOW"]):
        time.sleep(delay)


sys.addaudithook(_wait)
