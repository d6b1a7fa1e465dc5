/** The releases and images of one row. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { NexusClient } from '../../../src/client/nexus-client.ts';
import type { ManifestBody } from '../../../src/wire/release.ts';
import { type ImageOptions, type PushedImage, pushImage } from '../support/push-image.ts';
import {
  composeService,
  composeText,
  keysOf,
  type ServiceImage,
  type ServiceSpec,
  type Services,
  type ServiceTraits,
  traitsOf,
} from './compose-project.ts';

/** Quick, but for the activation: a machine that is busy takes its time to pull and start. */
const POLICY = { activation_timeout_seconds: 120, soak_seconds: 2, sustained_failure_seconds: 2 };

export interface ReleaseOptions {
  /** Another stack on the same hosts; the row's own by default. */
  readonly stack?: string;
  readonly policy?: Readonly<Record<string, unknown>>;
  readonly probes?: ManifestBody['probes'];
  readonly files?: ManifestBody['files'];
  /** Top-level keys of the Compose file beside `services`. */
  readonly top?: Readonly<Record<string, unknown>>;
}

export interface SiteRelease {
  readonly stack: string;
  readonly version: string;
  readonly digest: string;
  readonly services: Readonly<Record<string, ServiceTraits>>;
}

/** A release as the server takes it; it may carry what this version of the server does not know. */
export interface SiteManifest {
  readonly body: { readonly stack: string; readonly compose: string };
  readonly services: SiteRelease['services'];
}

export interface SiteReleasesOptions {
  readonly stack: string;
  readonly operator: NexusClient;
  /** Where images are pushed to. */
  readonly origin: { readonly address: string };
  /** Where hosts pull them from. */
  readonly registry: { readonly address: string };
}

export class SiteReleases {
  /** Every Compose project that there has been a release of. */
  readonly projects: Set<string>;
  readonly #options: SiteReleasesOptions;

  constructor(options: SiteReleasesOptions) {
    this.#options = options;
    this.projects = new Set([options.stack]);
  }

  async image(name: string, command: readonly string[], options: ImageOptions): Promise<PushedImage> {
    const { stack, origin, registry } = this.#options;
    const pushed = await pushImage(origin, `${stack}/${name}`, command, options);
    return { ...pushed, reference: pushed.reference.replace(origin.address, registry.address) };
  }

  async create(version: string, services: Services, options: ReleaseOptions): Promise<SiteRelease> {
    const manifest = await this.compose(version, services, options);
    const { digest } = await this.#options.operator.createRelease(manifest.body);
    return { stack: manifest.body.stack, version, digest, services: manifest.services };
  }

  async compose(version: string, services: Services, options: ReleaseOptions): Promise<SiteManifest> {
    const { stack = this.#options.stack, policy, probes, files, top = {} } = options;
    this.projects.add(stack);
    const composed: Record<string, Record<string, unknown>> = {};
    const traits: Record<string, ServiceTraits> = {};
    for (const [name, spec] of Object.entries(services)) {
      const image = await this.#imageOf(name, spec);
      composed[name] = composeService(spec, image);
      traits[name] = traitsOf(composed[name], image);
    }
    const body = {
      kind: 'nexus.release/1',
      stack,
      version,
      compose: composeText(composed, top),
      policy: { ...POLICY, ...policy },
      ...(probes === undefined ? {} : { probes }),
      ...(files === undefined ? {} : { files }),
    };
    return { body, services: traits };
  }

  async #imageOf(service: string, spec: ServiceSpec): Promise<ServiceImage> {
    const { runs, image } = keysOf(spec);
    if (runs !== undefined) return this.image(`${service}:${tagOf(runs)}`, runs, {});
    assert.ok(image !== undefined, `the service '${service}' has an image`);
    return typeof image === 'string' ? { reference: image, id: null } : image;
  }
}

/** The same command has the same tag, so a service that does not change keeps its image. */
function tagOf(command: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(command)).digest('hex').slice(0, 8);
}
