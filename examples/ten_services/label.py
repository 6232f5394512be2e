"""10. A script: prints the label of every tenth order."""

import logging
import sys

import logweft

logweft.install(service="label")

logging.getLogger("label").info("order %s: label printed", sys.argv[1])
