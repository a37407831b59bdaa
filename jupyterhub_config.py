"""A JupyterHub classroom on one machine: an account each, a cluster each, a seed each.

``jupyterhub --config jupyterhub_config.py``, as root, since it starts each student's server as that student. The book's
page "A classroom on JupyterHub" says what to prepare.
"""

import os
from pathlib import Path

from grader.seeds import spawner_key
from podwalk.facade.seeds import KEY_VARIABLE

COURSE = Path(os.environ.get("PODWALK_COURSE", "/srv/podwalk/course"))

c = get_config()  # type: ignore[name-defined]  # noqa: F821  traitlets puts it here

# A web server with TLS stands in front: nothing here listens beyond loopback.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"

# Who has an account on the machine may log in with its password.
c.JupyterHub.authenticator_class = "pam"
c.PAMAuthenticator.open_sessions = False
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {"teacher"}

c.JupyterHub.spawner_class = "localprocess"
c.Spawner.default_url = "/lab"
c.Spawner.notebook_dir = "~"
# Each student's own key, from which the variants of their assignments follow; the course's secret stays here.
c.Spawner.environment = {
    KEY_VARIABLE: spawner_key(COURSE),
    "PODWALK_BACKEND": "embedded",
    "JUPYTER_CONFIG_PATH": str(Path(__file__).resolve().parent),
}

# A student who has gone home needs no server; `podwalk up` finds the cluster as it was.
c.JupyterHub.concurrent_spawn_limit = 20
c.JupyterHub.active_server_limit = 300
