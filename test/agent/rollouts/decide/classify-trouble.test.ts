import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifyPull, classifyUp, TROUBLE_ROWS } from '../../../../agent/rollouts/decide/classify-trouble.ts';

for (const [index, { class: expected, source, example }] of TROUBLE_ROWS.entries()) {
  test(`the example of row ${index + 1} is its own (${expected}: ${source})`, () => {
    assert.equal(
      TROUBLE_ROWS.findIndex(({ pattern }) => pattern.test(example)),
      index,
    );
  });
}

/** What a failed pull prints, and whose fault it is. */
const PULLS: readonly (readonly [output: string, expected: string])[] = [
  ['toomanyrequests: retry-after: 985.86µs, allowed: 44000/minute', 'registry'],
  [
    'unexpected status from HEAD request to https://registry.test/v2/shop/web/manifests/2: 429 Too Many Requests',
    'registry',
  ],
  [
    'Error response from daemon: Get "http://registry.test/v2/": dial tcp 10.0.0.9:80: connect: connection refused',
    'registry',
  ],
  ['Error response from daemon: Get "https://registry.test/v2/": net/http: TLS handshake timeout', 'registry'],
  [
    'Error response from daemon: Get "https://registry.test/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)',
    'registry',
  ],
  ['error pulling image configuration: download failed after attempts=6: unexpected EOF', 'registry'],
  ['Error response from daemon: received unexpected HTTP status: 502 Bad Gateway', 'registry'],
  [
    'failed to copy: httpReadSeeker: failed open: unexpected status code https://registry.test/v2/shop/web/blobs/sha256:9f2c: 503 Service Unavailable',
    'registry',
  ],
  [
    'failed commit on ref "layer-sha256:9f2c": "layer-sha256:9f2c" failed size validation: 12 != 34: failed precondition',
    'registry',
  ],
  [
    'Error response from daemon: Get "https://registry.test/v2/": http: server gave HTTP response to HTTPS client',
    'registry',
  ],
  ['something that no version has printed yet', 'registry'],
  ['', 'registry'],
  [
    'Error response from daemon: Head "https://registry.test/v2/shop/web/manifests/2": no basic auth credentials',
    'credentials',
  ],
  ['Error response from daemon: unauthorized: authentication required', 'credentials'],
  [
    'Error response from daemon: Get "https://registry.test/v2/": denied: permission_denied: read_package',
    'credentials',
  ],
  [
    'error getting credentials - err: exec: "docker-credential-ecr-login": executable file not found in $PATH, out: ``',
    'credentials',
  ],
  [
    'failed to resolve reference "registry.test/shop/web:2": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
    'credentials',
  ],
  ['failed to register layer: Error processing tar file(exit status 1): write /f: no space left on device', 'disk'],
  ['open /var/lib/docker/tmp/GetImageBlob1: disk quota exceeded', 'disk'],
  ['Cannot connect to the Docker daemon at unix:///run/user/1000/docker.sock. Is the docker daemon running?', 'engine'],
  [
    'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.45/containers/json": dial unix /var/run/docker.sock: connect: permission denied',
    'engine',
  ],
  ["unknown shorthand flag: 'q' in -q\nSee 'docker --help'.\ndocker: 'compose' is not a docker command.", 'compose'],
  ['manifest for shop/web:2 not found: manifest unknown: manifest unknown', 'release'],
  ['failed to resolve reference "registry.test/shop/web:2": manifest unknown', 'release'],
  ['Error response from daemon: manifest for registry.test/shop/web:2 not found', 'release'],
  [
    'Error response from daemon: failed to resolve reference "registry.test:5000/shop/web:2": registry.test:5000/shop/web:2: not found',
    'release',
  ],
  [
    'failed to pull and unpack image "registry.test/shop/web:2": no match for platform in manifest sha256:9f2c: not found',
    'registry',
  ],
  ['Error response from daemon: invalid reference format: repository name must be lowercase', 'release'],
];

for (const [output, expected] of PULLS) {
  test(`a pull that ends with ${JSON.stringify(output.slice(-70))} is trouble of the ${expected}`, () => {
    assert.equal(classifyPull(output)?.class ?? 'release', expected);
  });
}

/** What a failed up prints, and whose fault it is. */
const UPS: readonly (readonly [output: string, expected: string])[] = [
  ['Bind for 0.0.0.0:8080 failed: port is already allocated', 'port'],
  [
    'driver failed programming external connectivity on endpoint shop-web-1 (f3c1): Error starting userland proxy: listen tcp4 0.0.0.0:8080: bind: address already in use',
    'port',
  ],
  [
    'failed to set up container networking: driver failed programming external connectivity on endpoint shop-web-1 (f3c1): failed to bind host port for 0.0.0.0:8080:172.18.0.2:80/tcp: address already in use',
    'port',
  ],
  ['Error response from daemon: failed to bind port 10.0.0.9:53/udp: cannot assign requested address', 'port'],
  ['Error response from daemon: Address already in use', 'network'],
  ['Error response from daemon: Conflict. The container name "/shop" is already in use by container "1f0c".', 'name'],
  ['network front declared as external, but could not be found', 'network'],
  ['external volume "data" not found', 'network'],
  ['Error response from daemon: network 7c9f41 not found', 'network'],
  ['Error response from daemon: Pool overlaps with other one on this address space', 'network'],
  ['failed to initialize logging driver: dial tcp 127.0.0.1:24224: connect: connection refused', 'engine'],
  [
    'Error response from daemon: failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "serve": executable file not found in $PATH: unknown',
    'release',
  ],
  [
    'Error response from daemon: failed to create shim task: OCI runtime create failed: error mounting "/conf/app.conf" to rootfs at "/app.conf": not a directory: Are you trying to mount a directory onto a file (or vice-versa)?',
    'release',
  ],
  ['dependency failed to start: container shop-db-1 exited (1)', 'release'],
  ['container shop-web-1 is unhealthy', 'release'],
  ['Error response from daemon: No such image: shop/web:2', 'release'],
  ['something that no version has printed yet', 'release'],
];

for (const [output, expected] of UPS) {
  test(`an up that ends with ${JSON.stringify(output.slice(-70))} is trouble of the ${expected}`, () => {
    assert.equal(classifyUp(output)?.class ?? 'release', expected);
  });
}

test('the line that tells it is the reason, without the daemon’s preface', () => {
  const output = [
    ' web Pulling ',
    ' web Error ',
    'Error response from daemon: Get "https://registry.test/v2/": dial tcp 10.0.0.9:443: connect: connection refused',
    ' db Interrupted',
  ].join('\n');
  assert.deepEqual(classifyPull(output), {
    class: 'registry',
    reason: 'Get "https://registry.test/v2/": dial tcp 10.0.0.9:443: connect: connection refused',
  });
});
