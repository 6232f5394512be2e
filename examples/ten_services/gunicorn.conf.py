"""gunicorn's settings for payments; installed here, logweft has the lines of the master too."""

import os

import logweft

logweft.install(service="payments")

bind = f"fd://{os.environ['LISTEN_FD']}"
workers = 2
threads = 8
accesslog = "-"
control_socket_disable = True  # one for all of a user otherwise, in the home directory
