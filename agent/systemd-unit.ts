import { isSea } from 'node:sea';
import { TOKEN_CREDENTIAL } from './settings.ts';

/** systemd.syntax(7): a word with anything but plain characters is quoted, and `%` and `$` are doubled. */
function quoteWord(word: string): string {
  const escaped = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w@%+=:,./$-]+$/.test(escaped) ? escaped : `"${escaped.replace(/["\\]/g, '\\$&')}"`;
}

/** How this very program was started, without its arguments: the executable, or Node and the script it runs. */
export function currentCommand(execPath: string, scriptPath: string | undefined): string[] {
  return isSea() || scriptPath === undefined ? [execPath] : [execPath, scriptPath];
}

/** A hardened systemd unit (systemd.exec(5)) that runs `command agent`. */
export function renderSystemdUnit(command: readonly string[]): string {
  const inHome = command.some((word) => /^\/(?:home|root)\//.test(word));
  return `# nexus agent: reports this host and its containers to a Nexus server.
#
#   install -d -m 0755 /etc/nexus
#   echo 'NEXUS_URL=https://nexus.example.com' > /etc/nexus/agent.env
#   install -m 0600 /dev/stdin /etc/nexus/agent.token      # paste the token, then Ctrl-D
#   systemctl daemon-reload && systemctl enable --now nexus-agent
[Unit]
Description=Nexus agent
Documentation=man:docker(1)
Wants=network-online.target
After=network-online.target docker.service

[Service]
Type=exec
ExecStart=${command.map(quoteWord).join(' ')} agent
EnvironmentFile=/etc/nexus/agent.env
LoadCredential=${TOKEN_CREDENTIAL}:/etc/nexus/agent.token
Restart=on-failure
RestartSec=10
# 2: a setting is missing or wrong. 3: the server refuses the token. Neither mends itself.
RestartPreventExitStatus=2 3

# A user of its own that exists only while the agent runs; the group lets it read the engine's socket.
# On a host without Docker, remove the second line.
DynamicUser=yes
SupplementaryGroups=docker
StateDirectory=nexus-agent
StateDirectoryMode=0700
UMask=0077

# It reads /proc, /sys and one socket, writes its state directory, and talks to one server.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=${inHome ? 'read-only' : 'yes'}
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
# Not MemoryDenyWriteExecute: the JavaScript engine compiles to memory.

# The agent needs a fraction of this; a defect in it must not become the host's problem. With --rollouts the Docker CLI
# and Compose count too, whose threads grow with the host's CPUs.
MemoryMax=512M
TasksMax=512
Nice=5

[Install]
WantedBy=multi-user.target
`;
}
