import { listOf, nullable, number, object, recordOf, StoredForm, text, wholeNumber } from './stored-json.ts';

/** What rollouts have brought to a host, stack by stack, as its agent reported it last. */
export interface Deployment extends DeploymentWatch {
  readonly stack: string;
  readonly host: string;
  /** The digest of what runs; null: nothing of the stack. It need not be a release that the server has. */
  readonly release: string | null;
  /** The rollout that it was reported in. */
  readonly rolloutId: string;
  /** Since when it runs, by the server's clock. */
  readonly sinceMs: number;
}

/** What the telemetry of the host says about a deployment. */
export interface DeploymentWatch {
  /** What ran once the deployment was over, by service; null until the host has reported it, and where nothing is to run. */
  readonly baseline: Readonly<Record<string, ServiceBaseline>> | null;
  /** How what runs now differs from that; null where it does not, and while a rollout changes the stack. */
  readonly drift: Drift | null;
}

export interface ServiceBaseline {
  /** Running ones. */
  readonly containers: number;
  /** As the host's telemetry names it. */
  readonly image: string;
}

export interface Drift {
  /** By the server's clock. */
  readonly sinceMs: number;
  /** Sentences, one for each difference. */
  readonly findings: readonly string[];
}

/** The watch over a deployment that has just been reported. */
export const NOT_WATCHED: DeploymentWatch = { baseline: null, drift: null };

export const DEPLOYMENT_WATCH = new StoredForm<DeploymentWatch>(
  'watch over a deployment',
  object<DeploymentWatch>({
    baseline: nullable(recordOf(object<ServiceBaseline>({ containers: wholeNumber, image: text }))),
    drift: nullable(object<Drift>({ sinceMs: number, findings: listOf(text) })),
  }),
  [],
);
