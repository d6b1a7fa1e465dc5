/**
 * What a stack was last told to run. A container's label names the release that it was made for; a later release that
 * does not change its service leaves it alone, with that label, because another one would be a change. Which labels are
 * a release's own is remembered here.
 */
import { join } from 'node:path';
import * as z from 'zod';
import { type FileSystem, isSystemError } from '../../disk/file-system.ts';
import { writeDurably } from '../../disk/write-durably.ts';
import type { ProjectContainer } from '../../docker/project-container.ts';
import { deployedContainers } from '../decide/read-project.ts';

const deploymentSchema = z
  .object({
    version: z.literal(1),
    release: z.string(),
    /** By service. */
    services: z.record(
      z.string(),
      z
        .object({
          /** What the containers of this release carry as `nexus.release`. */
          label: z.string(),
          /** Compose's hash of the service without that label; null when nothing needed it. */
          hash: z.string().nullable(),
        })
        .readonly(),
    ),
  })
  .readonly();
export type DeploymentRecord = z.output<typeof deploymentSchema>;

const FILE_MODE = 0o600;

/** `stackFolder` is the stack's own. Null when nothing was recorded, or the record is damaged. */
export async function readDeployment(files: FileSystem, stackFolder: string): Promise<DeploymentRecord | null> {
  try {
    const text = (await files.readFile(fileIn(stackFolder))).toString();
    return deploymentSchema.parse(JSON.parse(text));
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || error instanceof SyntaxError || error instanceof z.ZodError) return null;
    throw error;
  }
}

export function writeDeployment(files: FileSystem, stackFolder: string, deployment: DeploymentRecord): Promise<void> {
  return writeDurably(files, fileIn(stackFolder), JSON.stringify(deployment), FILE_MODE);
}

function fileIn(stackFolder: string): string {
  return join(stackFolder, 'deployment.json');
}

/**
 * The containers, each with the release that it now belongs to. Without a record, which was lost with the disk, all of
 * them belong to the release that the newest one was made for: what it did not change is older than that.
 */
export function attribute(
  containers: readonly ProjectContainer[],
  deployment: DeploymentRecord | null,
): ProjectContainer[] {
  if (deployment !== null) {
    return containers.map((container) => {
      const isOwn = container.release !== null && deployment.services[container.service]?.label === container.release;
      return isOwn ? { ...container, release: deployment.release } : container;
    });
  }
  const made = deployedContainers(containers).filter(({ release }) => release !== null);
  const [newest] = made.toSorted((a, b) => b.createdAtMs - a.createdAtMs);
  if (newest === undefined) return [...containers];
  return containers.map((container) =>
    container.release === null ? container : { ...container, release: newest.release },
  );
}
