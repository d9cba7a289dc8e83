"""
The units of deploy/systemd, written from the table of processes: for hosts without docker.

    python -m deploy.units            the files in deploy/systemd, anew
"""

import sys
from pathlib import Path

from deploy.processes import PROCESSES, ROOT
from deploy.secrets import NEEDED

FOLDER = ROOT / "deploy" / "systemd"
# Where things are on the host; docs/operations.md.
HOME = "/opt/platform/current"
STATE = "/var/lib/platform"
MEMORY = {"web": "1G", "push": "768M", "worker": "1G", "beat": "384M", "migrate": "512M"}
SPARE_SECONDS = 10

HEAD = "# Written by python -m deploy.units\n"

UNIT = """\
[Unit]
Description=WeChat third-party platform: {what}
Wants=network-online.target
After=network-online.target postgresql.service redis-server.service
"""

# Nobody in particular, who can write to one folder.
CONFINED = f"""\
User=platform
Group=platform
WorkingDirectory={HOME}
UMask=0077
EnvironmentFile=/etc/platform/settings.env
Environment=ENV_FILE=/dev/null VAR_DIR={STATE} PYTHONUNBUFFERED=1
ProtectSystem=strict
ReadWritePaths={STATE}
NoNewPrivileges=yes
CapabilityBoundingSet=
PrivateTmp=yes
PrivateDevices=yes
ProtectHome=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
"""


def units() -> dict[str, str]:
    """The text of each file."""
    services = {f"platform-{role}@.service": _service(role) for role in PROCESSES}
    return {
        **services,
        "platform-migrate.service": _once(
            "migrate", "the tables", f"{HOME}/.venv/bin/python -m deploy.processes migrate"
        ),
        "platform-backup.service": _once(
            "backup", "a backup", f"{HOME}/deploy/backup.sh once /var/backups/platform"
        ).replace(f"ReadWritePaths={STATE}", "ReadWritePaths=/var/backups/platform"),
        "platform-backup.timer": TIMER,
    }


def _service(role: str) -> str:
    process = PROCESSES[role]
    return (
        HEAD
        + UNIT.format(what=f"{role} (%i)")
        # However often it ends: it is started again.
        + "StartLimitIntervalSec=0\n\n[Service]\nType=exec\n"
        + f"ExecStart={HOME}/.venv/bin/python -m deploy.processes {role} --slot %i\n"
        + "Restart=always\nRestartSec=1\n"
        # The one that watches is asked to end, and asks the others; what is left then is killed.
        + f"KillMode=mixed\nTimeoutStopSec={process.grace + SPARE_SECONDS}\n"
        + f"MemoryMax={MEMORY[role]}\nTasksMax=200\n"
        + CONFINED
        + _credentials(role)
        + "\n[Install]\nWantedBy=multi-user.target\n"
    )


def _once(role: str, what: str, command: str) -> str:
    return (
        HEAD
        + UNIT.format(what=what)
        + f"\n[Service]\nType=oneshot\nExecStart={command}\n"
        + f"TimeoutStartSec=infinity\nMemoryMax={MEMORY.get(role, '512M')}\nTasksMax=100\n"
        + CONFINED
        + _credentials(role)
    )


def _credentials(role: str) -> str:
    lines = ""
    for name in NEEDED[role]:
        lines += f"LoadCredential={name}:/etc/platform/secrets/{name}\n"
        lines += f"Environment={name.upper()}_FILE=%d/{name}\n"
    return lines


TIMER = (
    HEAD
    + """\
[Unit]
Description=WeChat third-party platform: a backup every day

[Timer]
OnCalendar=03:00
RandomizedDelaySec=15min
Persistent=yes

[Install]
WantedBy=timers.target
"""
)


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    for name, text in units().items():
        Path(FOLDER / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
