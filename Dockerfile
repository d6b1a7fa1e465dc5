# syntax=docker/dockerfile:1
# The one executable, the C and C++ libraries that it is linked against, and nothing else: no shell, no package manager.
#
#   docker build --tag nexus --build-arg NEXUS_COMMIT="$(git rev-parse --short=12 HEAD)" .
#   docker run --name nexus --publish 8470:8470 --volume nexus-data:/data nexus
#   docker exec nexus nexus host list --data /data
#
# The agent reads the engine's socket, which belongs to root, and the host's own counters:
#
#   docker run --user 0 --network host --cgroupns host --volume /:/host:ro --env NEXUS_AGENT_HOST_ROOT=/host \
#     --volume /var/run/docker.sock:/var/run/docker.sock --volume nexus-agent:/data \
#     --env NEXUS_URL --env NEXUS_AGENT_TOKEN nexus agent --state-dir /data

FROM node:24-bookworm-slim AS build
RUN apt-get update \
  && apt-get install --yes --no-install-recommends binutils \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
ARG NEXUS_COMMIT=
RUN npm run build

# What the final image holds, laid out as it will lie there. Libraries keep the folders in which the loader looks for them.
RUN mkdir -p /root-fs/usr/local/bin /root-fs/etc \
  && cp dist/nexus /root-fs/usr/local/bin/nexus \
  && ldd dist/nexus | grep -o '/[^ ]*' | sort -u \
    | xargs cp --parents --dereference --target-directory=/root-fs \
  && printf 'root:x:0:0:root:/:/none\nnexus:x:10001:10001:nexus:/data:/none\n' > /root-fs/etc/passwd \
  && printf 'root:x:0:\nnexus:x:10001:\n' > /root-fs/etc/group \
  && mkdir -p /owned-fs/data /owned-fs/tmp \
  && chmod 0700 /owned-fs/data \
  && chmod 1777 /owned-fs/tmp

FROM scratch
COPY --from=build /root-fs/ /
COPY --from=build --chown=10001:10001 /owned-fs/ /
ENV PATH=/usr/local/bin
USER 10001:10001
# Also where the executable may unpack its SQLite library for a moment when the container's own file system is read-only.
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8470
ENTRYPOINT ["/usr/local/bin/nexus"]
CMD ["serve", "--data", "/data", "--listen", "0.0.0.0:8470"]
