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
  /** Of its manifest: what a Compose file that pins it writes after the '@'. */
  readonly digest: string;
  /** What an engine that has pulled it calls it: the digest of its configuration. */
  readonly id: string;
}

export interface ImageOptions {
  /** Adds a layer of its own of so many bytes that do not compress, so that no engine has it before it pulls it. */
  readonly freshLayerBytes?: number;
}

interface Layer extends Blob {
  /** Digest of the archive before it was compressed. */
  readonly diffId: string;
}

let busybox: Promise<Layer> | undefined;
/** By registry: a repository that has the busybox layer. */
const layerHomes = new Map<string, string>();

function busyboxLayer(): Promise<Layer> {
  busybox ??= installLab().then(({ busyboxTar }) => layerOf(readFileSync(busyboxTar)));
  return busybox;
}

async function layerOf(tar: Buffer): Promise<Layer> {
  return { ...blobOf(await promisify(gzip)(tar)), diffId: digestOf(tar) };
}

/** The same for the same name, and without any pattern. */
function noiseOf(name: string, byteCount: number): Buffer {
  return createHash('shake256', { outputLength: byteCount }).update(name).digest();
}

/** An archive of one file, `/fresh`, in the ustar format (POSIX.1-1988), whose sizes are multiples of 512 bytes. */
function archiveOf(content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  header.write('fresh', 0);
  header.write(octal(0o644, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(octal(content.length, 11), 124);
  header.write(octal(0, 11), 136);
  header.write(' '.repeat(8), 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)} `, 148);
  return Buffer.concat([header, content, Buffer.alloc(1024 + ((512 - (content.length % 512)) % 512))]);
}

/**
 * Pushes a busybox that runs `command`, as `repository:tag`, over the registry's own API (Docker Registry HTTP API V2).
 * Images with another command or name differ in their id.
 */
export async function pushImage(
  registry: Pick<LabRegistry, 'address'>,
  name: string,
  command: readonly string[],
  { freshLayerBytes }: ImageOptions = {},
): Promise<PushedImage> {
  const [repository = name, tag = 'latest'] = name.split(':');
  const base = `http://${registry.address}/v2/${repository}`;
  const root = await busyboxLayer();
  await upload(base, root, layerHomes.get(registry.address));
  layerHomes.set(registry.address, repository);
  const fresh = freshLayerBytes === undefined ? [] : [await layerOf(archiveOf(noiseOf(name, freshLayerBytes)))];
  for (const layer of fresh) await upload(base, layer);
  const layers = [root, ...fresh];
  const config = blobOf(
    Buffer.from(
      JSON.stringify({
        architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
        os: 'linux',
        created: '2026-01-01T00:00:00Z',
        config: { Cmd: command, Env: ['PATH=/bin'], Labels: { 'nexus.lab.image': name } },
        rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
      }),
    ),
  );
  await upload(base, config);
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: CONFIG_TYPE, size: config.bytes.length, digest: config.digest },
    layers: layers.map(({ bytes, digest }) => ({ mediaType: LAYER_TYPE, size: bytes.length, digest })),
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  await put(`${base}/manifests/${tag}`, MANIFEST_TYPE, bytes);
  return { reference: `${registry.address}/${name}`, digest: digestOf(bytes), id: config.digest };
}

/** `from`: a repository of the same registry that has the blob, which then need not travel again. */
async function upload(base: string, blob: Blob, from?: string): Promise<void> {
  const query = from === undefined ? '' : `?${new URLSearchParams({ mount: blob.digest, from })}`;
  const begun = await request(`${base}/blobs/uploads/${query}`, { method: 'POST' });
  await begun.body.dump();
  if (begun.statusCode === 201) return;
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
