/** An image in the lab's registry without any engine: no host has it before it pulls it. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { request } from 'undici';
import { installLab, type LabRegistry } from '../../../scripts/lab/engine.ts';

const MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json';
const CONFIG_TYPE = 'application/vnd.docker.container.image.v1+json';
const LAYER_TYPE = 'application/vnd.docker.image.rootfs.diff.tar.gzip';

interface Blob {
  readonly bytes: Buffer;
  readonly digest: string;
}

export interface PushedImage {
  /** What a Compose file calls it. */
  readonly reference: string;
  /** What an engine that has pulled it calls it: the digest of its configuration. */
  readonly id: string;
}

let layer: Promise<Blob & { readonly diffId: string }> | undefined;

function busyboxLayer(): Promise<Blob & { readonly diffId: string }> {
  layer ??= installLab().then(async ({ busyboxTar }) => {
    const tar = readFileSync(busyboxTar);
    return { ...blobOf(await promisify(gzip)(tar)), diffId: digestOf(tar) };
  });
  return layer;
}

/**
 * Pushes a busybox that runs `command`, as `repository:tag`, over the registry's own API (Docker Registry HTTP API V2).
 * Images with another command or name differ in their id.
 */
export async function pushImage(
  registry: Pick<LabRegistry, 'address'>,
  name: string,
  command: readonly string[],
): Promise<PushedImage> {
  const [repository = name, tag = 'latest'] = name.split(':');
  const { diffId, ...files } = await busyboxLayer();
  const config = blobOf(
    Buffer.from(
      JSON.stringify({
        architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
        os: 'linux',
        created: '2026-01-01T00:00:00Z',
        config: { Cmd: command, Env: ['PATH=/bin'], Labels: { 'nexus.lab.image': name } },
        rootfs: { type: 'layers', diff_ids: [diffId] },
      }),
    ),
  );
  const base = `http://${registry.address}/v2/${repository}`;
  for (const blob of [files, config]) await upload(base, blob);
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: CONFIG_TYPE, size: config.bytes.length, digest: config.digest },
    layers: [{ mediaType: LAYER_TYPE, size: files.bytes.length, digest: files.digest }],
  };
  await put(`${base}/manifests/${tag}`, MANIFEST_TYPE, Buffer.from(JSON.stringify(manifest)));
  return { reference: `${registry.address}/${name}`, id: config.digest };
}

async function upload(base: string, blob: Blob): Promise<void> {
  const begun = await request(`${base}/blobs/uploads/`, { method: 'POST' });
  await begun.body.dump();
  const { location } = begun.headers;
  if (begun.statusCode !== 202 || typeof location !== 'string') {
    throw new Error(`the registry answered ${begun.statusCode} to the beginning of an upload`);
  }
  const url = new URL(location, base);
  url.searchParams.set('digest', blob.digest);
  await put(url.href, 'application/octet-stream', blob.bytes);
}

async function put(url: string, type: string, bytes: Buffer): Promise<void> {
  const answer = await request(url, { method: 'PUT', headers: { 'content-type': type }, body: bytes });
  const text = await answer.body.text();
  if (answer.statusCode !== 201) throw new Error(`the registry answered ${answer.statusCode} to PUT ${url}: ${text}`);
}

function blobOf(bytes: Buffer): Blob {
  return { bytes, digest: digestOf(bytes) };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
