"""Starts everything on this machine, watches over it, and ends it in order."""

import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from service.bootstrap import Service, build
from service.db.engine import open_engine
from service.db.migrate import migrate
from service.domain.errors import Unauthenticated
from service.domain.records import Role
from service.settings import Settings, kept_secret
from service.up import leftovers
from service.up.child import Child, Program, end_together, remember_together
from service.up.ending import told_to_end
from service.up.health import Health
from service.up.home import Home, check_port, check_storage, held, write_private
from service.up.ray_head import RayHead, plan_head
from service.up.ray_node import interface_of

ROOT = Path(__file__).parents[2]
_LOOK_EVERY = 0.25
_ANSWER_WITHIN = 2.0
"""Seconds that the web and the head may take for an answer."""
_GRACE = 2.0
"""Seconds that a process gets to end by itself; what counts is in the database."""
_REMEMBER_EVERY = 8
"""Looks between two readings of which processes there are."""

Say = Callable[[str], None]


def up(settings: Settings, say: Say) -> None:
    """Run everything until Ctrl-C or SIGTERM.

    Raises:
        CannotStart: Where a folder or the port cannot be had.
        SchemaMismatch: Where the database cannot be opened or is newer than this code.
    """
    with held(settings.home) as home:
        ended = leftovers.end_leftovers(home.processes)
        if ended:
            say(f"ended {ended} processes that an earlier start had left behind")
        interface_of(settings.host)
        check_port(settings.port, str(settings.host))
        if not settings.host.is_loopback:
            check_port(settings.ray_port, str(settings.host), setting="KBFGS_RAY_PORT")
        check_storage(Path(settings.storage_path))
        service = _open(settings)
        try:
            _run(settings, home, service, say)
        finally:
            service.close()


def _open(settings: Settings) -> Service:
    """The service on a database of the newest schema."""
    engine = open_engine(settings.database)
    try:
        migrate(engine)
    finally:
        engine.dispose()
    return build(settings)


def _run(settings: Settings, home: Home, service: Service, say: Say) -> None:
    kept_secret(home.ray_token)
    head = plan_head(
        home.ray_token,
        cpus=settings.cpus_given,
        gpus=settings.num_gpus,
        host=settings.host,
        port=None if settings.host.is_loopback else settings.ray_port,
    )
    supervisor = Supervisor(settings, home, service, head, say)
    with told_to_end() as told:
        try:
            supervisor.run(told)
        finally:
            supervisor.end()


@dataclass(slots=True)
class Announcements:
    """What has been said already."""

    web: bool = False
    cluster: bool = False


class Supervisor:
    """Watches over the web, the dispatcher and the Ray head."""

    def __init__(
        self, settings: Settings, home: Home, service: Service, head: RayHead, say: Say
    ) -> None:
        self._settings, self._home, self._service = settings, home, service
        self._head, self._say = head, say
        self._said = Announcements()
        self._ray, self._web, self._dispatcher = (
            Child(program, say) for program in programs(settings, home, head)
        )

    def run(self, stop: threading.Event) -> None:
        """Start everything, and start again what ends, until told to stop."""
        self._say(f"starting; state in {self._home.folder}")
        first = self._service.keys.ensure_first()
        if first is not None:
            self._say(f"the first admin's key, shown this once: {first.secret}")
        write_private(
            self._home.client,
            {"url": self._settings.web_url, "key": local_key(self._service, self._home.client)},
        )
        children = (self._ray, self._web, self._dispatcher)
        for child in children:
            child.start()
        looks = 0
        with httpx.Client(timeout=_ANSWER_WITHIN, trust_env=False) as http:
            health = Health(self._ray, lambda: self._head.works(http))
            while not stop.wait(_LOOK_EVERY):
                for child in children:
                    child.watch()
                health.watch()
                if looks % _REMEMBER_EVERY == 0:
                    remember_together(self._home.processes, *children)
                looks += 1
                self._announce(http, cluster=health.ready)

    def end(self) -> None:
        """End everything: the dispatcher first, so that it does not miss what ends next."""
        self._say("stopping ...")
        self._dispatcher.end(grace=_GRACE)
        end_together(self._ray, self._web, grace=_GRACE)
        self._head.keep_logs(self._home.logs)
        self._head.remove()
        self._home.processes.unlink(missing_ok=True)
        self._say("stopped; unfinished comparisons go on at the next start")

    def _announce(self, http: httpx.Client, *, cluster: bool) -> None:
        """Say once that the web is ready, with the link, and once that the cluster is."""
        own = self._web.pid is not None
        if own and not self._said.web and _answers(http, f"{self._settings.web_url}/healthz"):
            key = local_key(self._service, self._home.client)
            token = self._service.keys.issue_login_token(
                self._service.keys.authenticate(key).key_id
            )
            self._say(f"open {self._settings.web_url}/login?token={token}")
            self._said.web = True
        if cluster and not self._said.cluster:
            cpus = self._head.node.cpus
            self._say(f"the cluster is ready with {cpus} CPUs; Ctrl-C stops everything")
            if not self._head.node.host.is_loopback:
                self._say(f"other machines: python -m service join {self._head.address}")
            self._said.cluster = True


def programs(settings: Settings, home: Home, head: RayHead) -> tuple[Program, Program, Program]:
    """The Ray head, the web and the dispatcher."""
    shared = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "KBFGS_HOME": str(settings.home),
        "KBFGS_PORT": str(settings.port),
        **settings.data_places,
        "KBFGS_RAY_URL": head.url,
        "KBFGS_RAY_TOKEN_PATH": str(head.node.token),
    }

    def program(name: str, *command: str) -> Program:
        log = home.logs / f"{name}.log"
        return Program(name, (sys.executable, "-m", *command), shared, log, ROOT)

    ray = Program(
        "ray", head.command, head.environment(os.environ, root=ROOT), home.logs / "ray.log", ROOT
    )
    web = program("web", "api", "serve", "--host", str(settings.host), "--port", str(settings.port))
    return ray, web, program("dispatcher", "service", "dispatch")


def local_key(service: Service, path: Path) -> str:
    """The key of clients on this machine: the one they have, where it is still good.

    It is an admin's, so that ``python -m api.client login`` prints a link: who can read the
    file can read the database beside it.
    """
    try:
        key = str(json.loads(path.read_text())["key"])
        good = service.keys.authenticate(key).role is Role.ADMIN
    except (OSError, ValueError, KeyError, TypeError, Unauthenticated):
        good = False
    return key if good else service.keys.replace("local", Role.ADMIN).secret


def _answers(http: httpx.Client, url: str) -> bool:
    try:
        return http.get(url).is_success
    except httpx.HTTPError:
        return False
